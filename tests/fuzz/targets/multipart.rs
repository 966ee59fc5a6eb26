//! Fuzzes what `properties::multipart` promises.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::multipart::hold(input));
