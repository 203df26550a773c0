//! The splitter of URLs against the `url` crate.
#![no_main]

#[path = "../../tests/reference/url.rs"]
mod reference;

libfuzzer_sys::fuzz_target!(|text: &str| reference::check(text));
