//! Broken JSON that can be understood all the same.
//!
//! One pass over the bytes, outside the usual way of a report: it is taken only when the parser
//! refused the body. It knows just enough of JSON to tell strings, numbers and nesting apart.

use super::MAX_DEPTH;
use crate::report::{Rejection, Repair, Repairs};

/// What the pass found.
#[derive(Debug, PartialEq, Eq)]
pub struct Mending {
    /// Where each top-level value ends in the mended text. What follows the last is dropped:
    /// bodies of Firefox 23 to 32 are two bytes longer than their JSON.
    pub value_ends: Vec<usize>,
    pub repairs: Repairs,
}

/// Copies `body` to `out`, mended.
///
/// # Errors
///
/// When the nesting is too deep, or when not even one top-level value ends.
pub fn mend(body: &[u8], out: &mut Vec<u8>) -> Result<Mending, Rejection> {
    out.clear();
    let mut repairs = Repairs::default();
    let text = String::from_utf8_lossy(body);
    if matches!(text, std::borrow::Cow::Owned(_)) {
        repairs.add(Repair::InvalidUtf8);
    }
    let text = text.as_bytes();
    let mut value_ends = Vec::new();
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at = copy_string(text, at, out, &mut repairs);
                continue;
            }
            b'-' | b'0'..=b'9' if depth > 0 => {
                at = copy_number(text, at, out, &mut repairs);
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Rejection::TooDeep);
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            // Behind a whole value only another one may follow; the rest is no part of it.
            _ if depth == 0 && !value_ends.is_empty() && !byte.is_ascii_whitespace() => break,
            _ => {}
        }
        out.push(byte);
        at += 1;
        if depth == 0 && matches!(byte, b'}' | b']') {
            value_ends.push(out.len());
        }
    }
    if value_ends.is_empty() {
        return Err(Rejection::Syntax { at: body.len(), what: "the JSON ends too early" });
    }
    Ok(Mending { value_ends, repairs })
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

/// Copies one number; what no number type holds (`1e999999`, 40 kB of digits) becomes `null`.
fn copy_number(text: &[u8], start: usize, out: &mut Vec<u8>, repairs: &mut Repairs) -> usize {
    let len = text[start..]
        .iter()
        .position(|byte| !matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'))
        .unwrap_or(text.len() - start);
    let number = &text[start..start + len];
    let fits = std::str::from_utf8(number).is_ok_and(|number| {
        if number.contains(['.', 'e', 'E']) {
            number.parse::<f64>().is_ok_and(f64::is_finite)
        } else {
            number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()
        }
    });
    if fits {
        out.extend_from_slice(number);
    } else {
        repairs.add(Repair::Number);
        out.extend_from_slice(b"null");
    }
    start + len
}
