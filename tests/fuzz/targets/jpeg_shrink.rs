//! Fuzzes what `properties::jpeg_shrink` promises.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::jpeg_shrink::hold(input));
