//! Fuzzes what `properties::x_matrix` promises.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::x_matrix::hold(input));
