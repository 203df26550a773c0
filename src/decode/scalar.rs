//! Values of the wrong type, read as what they were meant to be.
//!
//! Numbers come as strings from proxies and from MDN's own examples, empty strings and zeros
//! stand for "unknown" in Firefox and WebKit, `null` does in Chromium and Firefox.

use crate::report::{Repair, Repairs};
use simd_json::prelude::{TypedScalarValue, ValueAsScalar, ValueIntoString};
use simd_json::tape::Value;
use std::borrow::Cow;

/// A text; absent when it is `null` or no text. An empty text is kept.
pub fn text<'s>(value: &Value<'_, 's>, repairs: &mut Repairs) -> Option<Cow<'s, str>> {
    let text = string(value);
    if text.is_none() && !value.is_null() {
        repairs.add(Repair::WrongType);
    }
    text.map(Cow::Borrowed)
}

/// A whole number above zero.
pub fn count(value: &Value<'_, '_>, repairs: &mut Repairs) -> Option<u32> {
    let number = whole_number(value, repairs)?;
    let count = u32::try_from(number).ok();
    if count.is_none() {
        repairs.add(Repair::Number);
    }
    count.filter(|count| *count != 0)
}

/// A whole number of any sign.
pub fn whole_number(value: &Value<'_, '_>, repairs: &mut Repairs) -> Option<i64> {
    if value.is_null() {
        return None;
    }
    let number = if let Some(text) = string(value) {
        return parse_whole_number(text, repairs);
    } else if let Some(float) = value.as_f64() {
        // Beyond 2^53 no field means anything; the cast saturates.
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
        (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
    } else {
        value.as_i64()
    };
    if number.is_none() {
        repairs.add(Repair::WrongType);
    }
    number
}

/// A whole number from a text; an empty one is absent.
pub fn parse_whole_number(text: &str, repairs: &mut Repairs) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let number = text.parse().ok();
    if number.is_none() {
        repairs.add(Repair::WrongType);
    }
    number
}

/// The string of a value, borrowed from the parsed bytes rather than from the tape.
pub fn string<'s>(value: &Value<'_, 's>) -> Option<&'s str> {
    (*value).into_string()
}
