//! Fuzzes what `properties::range` promises.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::range::hold(input));
