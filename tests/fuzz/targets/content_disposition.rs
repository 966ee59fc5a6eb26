//! Fuzzes what `properties::content_disposition` promises.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::content_disposition::hold(input));
