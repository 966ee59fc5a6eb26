//! Fuzzes what `properties::vp8_rows` promises.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::vp8_rows::hold(input));
