//! Bytes → raw reports.
//!
//! In: the bytes of one request's body. Out: one [`Entry`] for each report in it, with its text
//! borrowed from the [`Scratch`] that the bytes were copied to. The shape of the body decides,
//! never its Content-Type: no browser is consistent there, and proxies rewrite it.
//!
//! One bad entry never sinks its batch. What is broken but can be understood is mended and
//! marked. Nothing nested, long or odd ends the process: depth is limited, and numbers and text
//! that no field can hold are dropped.
//!
//! It never judges what a report says; that is for `normalize`.

mod envelope;
mod form;
mod keys;
mod mend;
mod scalar;
#[cfg(test)]
mod tests;

use crate::report::{OtherReport, RawReport, Rejection, Repairs};
use simd_json::{Buffers, to_tape_with_buffers};

/// One report of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "the large variant is by far the usual one")]
pub enum Entry<'s> {
    Violation(RawReport<'s>),
    Other(OtherReport<'s>),
    /// One entry that could not be read, beside others that could.
    Rejected {
        rejection: Rejection,
        /// The entry as JSON.
        specimen: String,
    },
}

/// Why a body as a whole gives no reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is broken.
    Rejected(Rejection),
    /// It holds more reports than a browser ever queues.
    TooMany(usize),
}

/// Buffers that are used again for every body. Entries borrow from them.
pub struct Scratch {
    /// The body; JSON strings are unescaped in place.
    body: Vec<u8>,
    /// The body again, once it had to be mended.
    mended: Vec<u8>,
    /// The content of a body that was one JSON string.
    unwrapped: Vec<u8>,
    buffers: Buffers,
}

/// Nesting beyond which nothing is a report: the deepest that a browser sends is 4.
pub const MAX_DEPTH: usize = 32;

/// Reads the reports of one body.
///
/// `max_reports` bounds how many a body may hold.
///
/// # Errors
///
/// [`Unreadable`] when nothing in the body can be understood, or when it holds too many reports.
pub fn decode<'s>(
    body: &[u8],
    scratch: &'s mut Scratch,
    max_reports: usize,
) -> Result<Vec<Entry<'s>>, Unreadable> {
    let Scratch { body: copy, mended, unwrapped, buffers } = scratch;
    let body = trim(body);
    let body = match body.first() {
        None => return Err(Unreadable::Rejected(Rejection::Empty)),
        // Page scripts that call JSON.stringify twice.
        Some(b'"') => match serde_json::from_slice::<String>(body) {
            Ok(inner) => {
                *unwrapped = inner.into_bytes();
                trim(unwrapped)
            }
            Err(_) => body,
        },
        Some(_) => body,
    };
    copy.clear();
    copy.extend_from_slice(body);

    if !matches!(body.first(), Some(b'{' | b'[')) {
        return form::decode(copy).map(|report| vec![Entry::Violation(report)]).ok_or(
            Unreadable::Rejected(Rejection::Syntax {
                at: 0,
                what: "expected `{` or `[`, or the form that old WebKit sends",
            }),
        );
    }

    match to_tape_with_buffers(copy, buffers) {
        Ok(tape) => envelope::read(&tape.as_value(), false, Repairs::default(), max_reports),
        Err(_) => decode_mended(body, mended, buffers, max_reports),
    }
}

/// Reads a body that is no JSON as it stands: several objects in a row, bytes behind the end,
/// invalid UTF-8, lone surrogates, raw control characters, numbers that are none. Every value is
/// read on its own, so that one bad one never sinks the others.
fn decode_mended<'s>(
    body: &[u8],
    mended: &'s mut Vec<u8>,
    buffers: &mut Buffers,
    max_reports: usize,
) -> Result<Vec<Entry<'s>>, Unreadable> {
    let mending = mend::mend(body, mended);
    if mending.values.len() > max_reports {
        return Err(Unreadable::TooMany(mending.values.len()));
    }
    let mut entries = Vec::new();
    let mut rest: &'s mut [u8] = mended;
    let mut consumed = 0;
    // Found at most once: it reads the whole body again.
    let mut first_fault = None;
    for value in mending.values {
        let range = match value {
            Ok(range) => range,
            Err(rejection) => {
                entries.push(Entry::Rejected { rejection, specimen: String::new() });
                continue;
            }
        };
        let (head, tail) = rest.split_at_mut(range.end - consumed);
        let value = &mut head[range.start - consumed..];
        rest = tail;
        consumed = range.end;
        let read = match to_tape_with_buffers(value, buffers) {
            Ok(tape) => {
                envelope::read(&tape.as_value(), mending.in_array, mending.repairs, max_reports)
            }
            Err(_) => {
                Err(Unreadable::Rejected(*first_fault.get_or_insert_with(|| rejection(body))))
            }
        };
        match read {
            Ok(read) => entries.extend(read),
            Err(Unreadable::Rejected(rejection)) => {
                entries.push(Entry::Rejected { rejection, specimen: String::new() });
            }
            Err(Unreadable::TooMany(reports)) => {
                return Err(Unreadable::TooMany(entries.len() + reports));
            }
        }
        if entries.len() > max_reports {
            return Err(Unreadable::TooMany(entries.len()));
        }
    }
    match entries[..] {
        [] => Err(Unreadable::Rejected(rejection(body))),
        [Entry::Rejected { rejection, .. }] => Err(Unreadable::Rejected(rejection)),
        _ => Ok(entries),
    }
}

/// Without the byte order mark and the white space around.
fn trim(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body).trim_ascii()
}

/// Says what is wrong with a body of which a value cannot be read.
///
/// The fast parser says only that it is; the slow one reads the body again for the message, and
/// its recursion is limited as well.
fn rejection(body: &[u8]) -> Rejection {
    let text = String::from_utf8_lossy(body);
    let mut values = serde_json::Deserializer::from_str(&text).into_iter::<serde::de::IgnoredAny>();
    let Some(error) = values.find_map(Result::err) else {
        return Rejection::Syntax { at: 0, what: "no JSON" };
    };
    let line_start: usize = text.split_inclusive('\n').take(error.line() - 1).map(str::len).sum();
    let message = error.to_string();
    let what = MESSAGES.iter().find(|known| message.starts_with(**known)).unwrap_or(&"no JSON");
    Rejection::Syntax { at: line_start + error.column(), what }
}

/// What the slow parser may say, in its words.
const MESSAGES: &[&str] = &[
    "EOF while parsing a list",
    "EOF while parsing an object",
    "EOF while parsing a string",
    "EOF while parsing a value",
    "expected `:`",
    "expected `,` or `]`",
    "expected `,` or `}`",
    "expected ident",
    "expected value",
    "invalid escape",
    "invalid number",
    "key must be a string",
    "trailing comma",
    "trailing characters",
];

impl Default for Scratch {
    fn default() -> Self {
        Self {
            body: Vec::new(),
            mended: Vec::new(),
            unwrapped: Vec::new(),
            buffers: Buffers::with_max_depth(4096, MAX_DEPTH),
        }
    }
}
