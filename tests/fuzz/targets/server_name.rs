//! Fuzzes what `properties::server_name` promises.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::server_name::hold(input));
