//! Broken JSON that can be understood all the same.
//!
//! One pass over the bytes, outside the usual way of a report: it is taken only when the parser
//! refused the body. It knows just enough of JSON to tell strings, numbers and nesting apart.

use super::MAX_DEPTH;
use crate::report::{Rejection, Repair, Repairs};
use std::ops::Range;

/// What the pass found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Mending {
    /// Objects and arrays in a row, and the entries of an array, one by one: where each stands in
    /// the mended text, or why it cannot be read. Bytes between and behind them are dropped:
    /// bodies of Firefox 23 to 32 are two bytes longer than their JSON.
    pub values: Vec<Result<Range<usize>, Rejection>>,
    /// Whether any value came out of an array.
    pub in_array: bool,
    pub repairs: Repairs,
}

/// Copies `body` to `out`, mended.
pub fn mend(body: &[u8], out: &mut Vec<u8>) -> Mending {
    out.clear();
    let mut mending = Mending::default();
    let text = String::from_utf8_lossy(body);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        mending.repairs.add(Repair::InvalidUtf8);
    }
    let text = text.as_bytes();
    // The level at which values begin: inside an array that is the whole body, one deeper.
    let mut base = 0usize;
    let mut depth = 0usize;
    let mut start = None;
    let mut deepest = 0usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if depth == base {
            match byte {
                b'[' if base == 0 => {
                    (base, depth) = (1, 1);
                    mending.in_array = true;
                    at += 1;
                    continue;
                }
                b']' if base == 1 => {
                    finish(&mut start, deepest, out, &mut mending);
                    (base, depth) = (0, 0);
                    at += 1;
                    continue;
                }
                b',' if base == 1 => {
                    finish(&mut start, deepest, out, &mut mending);
                    at += 1;
                    continue;
                }
                _ if byte.is_ascii_whitespace() => {
                    at += 1;
                    continue;
                }
                // Between values in a row stands nothing that could be a report.
                _ if base == 0 && byte != b'{' => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
            start.get_or_insert_with(|| {
                deepest = 0;
                out.len()
            });
        }
        match byte {
            b'"' => {
                at = copy_string(text, at, out, &mut mending.repairs);
                continue;
            }
            b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                at = copy_word(text, at, out, &mut mending.repairs);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1).max(base),
            _ => {}
        }
        out.push(byte);
        at += 1;
        if depth == base && base == 0 {
            finish(&mut start, deepest, out, &mut mending);
        }
    }
    if start.is_some() || depth > 0 {
        mending.values.push(Err(if deepest > MAX_DEPTH {
            Rejection::TooDeep
        } else {
            Rejection::Syntax { at: body.len(), what: "the JSON ends too early" }
        }));
    }
    mending
}

/// Ends a value that has begun.
fn finish(start: &mut Option<usize>, deepest: usize, out: &[u8], mending: &mut Mending) {
    if let Some(start) = start.take() {
        let is_too_deep = deepest > MAX_DEPTH;
        let value = if is_too_deep { Err(Rejection::TooDeep) } else { Ok(start..out.len()) };
        mending.values.push(value);
    }
}

/// Copies one string, from its opening quote to behind its closing one.
fn copy_string(text: &[u8], start: usize, out: &mut Vec<u8>, repairs: &mut Repairs) -> usize {
    out.push(b'"');
    let mut at = start + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                out.push(b'"');
                return at + 1;
            }
            b'\\' => at = copy_escape(text, at, out, repairs),
            0..0x20 => {
                repairs.add(Repair::ControlCharacter);
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    at
}

/// Copies one escape sequence; a surrogate without its other half becomes U+FFFD.
fn copy_escape(text: &[u8], at: usize, out: &mut Vec<u8>, repairs: &mut Repairs) -> usize {
    let Some(first) = code_unit(text, at) else {
        let end = (at + 2).min(text.len());
        out.extend_from_slice(&text[at..end]);
        return end;
    };
    let is_pair =
        matches!(first, 0xd800..0xdc00) && matches!(code_unit(text, at + 6), Some(0xdc00..0xe000));
    if is_pair {
        out.extend_from_slice(&text[at..at + 12]);
        return at + 12;
    }
    if matches!(first, 0xd800..0xe000) {
        repairs.add(Repair::LoneSurrogate);
        out.extend_from_slice(br"\ufffd");
    } else {
        out.extend_from_slice(&text[at..at + 6]);
    }
    at + 6
}

/// The value of a `\uXXXX` at this place, if there is one.
fn code_unit(text: &[u8], at: usize) -> Option<u16> {
    let sequence = text.get(at..at + 6)?;
    let digits = sequence.strip_prefix(br"\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Copies a number or a literal. What is neither (`NaN`, `undefined`, `1e999999`, 40 kB of digits)
/// becomes `null`.
fn copy_word(text: &[u8], start: usize, out: &mut Vec<u8>, repairs: &mut Repairs) -> usize {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let len = text[start..].iter().position(|byte| !is_part(byte)).unwrap_or(text.len() - start);
    let word = &text[start..start + len];
    if matches!(word, b"true" | b"false" | b"null") || is_number(word) {
        out.extend_from_slice(word);
    } else {
        repairs.add(Repair::Number);
        out.extend_from_slice(b"null");
    }
    start + len
}

/// Whether a word is a number of JSON (RFC 8259 section 6) that a number type holds.
fn is_number(word: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(word) else { return false };
    if text.len() > MAX_NUMBER {
        return false;
    }
    match serde_json::from_str::<serde_json::Number>(text) {
        Ok(number) => {
            let is_whole = !text.contains(['.', 'e', 'E']);
            // `-0` is whole to the fast parser and a float to this one.
            if is_whole && text != "-0" {
                number.is_i64() || number.is_u64()
            } else {
                number.is_f64()
            }
        }
        Err(_) => false,
    }
}

/// Longer than any number that a field holds.
const MAX_NUMBER: usize = 64;
