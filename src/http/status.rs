//! How a request ended, and the answer that says so.
//!
//! In comes an [`Ending`], in the words of what happened; out goes a response. This is the only
//! place where an outcome becomes a status code. Two codes are never sent by accident: 410 makes
//! Chromium forget the endpoint, and is for retired applications alone; there is no 3xx.

use super::cors;
use crate::report::Rejection;
use bytes::Bytes;
use bytesize::ByteSize;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use std::fmt;
use std::time::Duration;

/// The end of one request on the public listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Every report of the body is durable.
    Durable,
    /// The browser asked whether it may upload.
    Preflight,
    /// Nothing in the body could be read as a report.
    Unreadable(Rejection),
    /// The request is no sound HTTP, or its end could not be told for sure.
    Malformed(&'static str),
    /// The body broke off, or its framing is no sound HTTP.
    BrokenOff,
    UnknownPath,
    NoAppName,
    UnknownApp,
    WrongMethod,
    /// The body did not arrive in time.
    TooSlow,
    /// The application is retired: the browser shall forget this endpoint.
    Retired,
    TooLarge {
        limit: usize,
    },
    TooMany {
        reports: usize,
        limit: usize,
    },
    UriTooLong {
        limit: usize,
    },
    /// The body is compressed.
    Encoded,
    /// Too many bytes are on their way in already.
    Busy,
    /// The sink has no room.
    Overloaded,
    /// The sink could not make the reports durable.
    NotDurable,
}

/// The status codes that are ever sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    NoContent,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    Gone,
    ContentTooLarge,
    UriTooLong,
    UnsupportedMediaType,
    /// Sent by hyper alone, before a request exists.
    HeadTooLarge,
    ServiceUnavailable,
}

/// The answers, prepared as far as they do not depend on the request.
#[derive(Debug)]
pub(super) struct Answers {
    every_answer: HeaderMap,
    preflight: HeaderMap,
    retry_after: HeaderValue,
}

impl Ending {
    pub(super) const fn code(self) -> Code {
        match self {
            Self::Durable | Self::Preflight => Code::NoContent,
            Self::Unreadable(_) | Self::Malformed(_) | Self::BrokenOff => Code::BadRequest,
            Self::UnknownPath | Self::NoAppName | Self::UnknownApp => Code::NotFound,
            Self::WrongMethod => Code::MethodNotAllowed,
            Self::TooSlow => Code::RequestTimeout,
            Self::Retired => Code::Gone,
            Self::TooLarge { .. } | Self::TooMany { .. } => Code::ContentTooLarge,
            Self::UriTooLong { .. } => Code::UriTooLong,
            Self::Encoded => Code::UnsupportedMediaType,
            Self::Busy | Self::Overloaded | Self::NotDurable => Code::ServiceUnavailable,
        }
    }
}

impl Code {
    pub(super) const ALL: [Self; 11] = [
        Self::NoContent,
        Self::BadRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Gone,
        Self::ContentTooLarge,
        Self::UriTooLong,
        Self::UnsupportedMediaType,
        Self::HeadTooLarge,
        Self::ServiceUnavailable,
    ];

    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::NoContent => StatusCode::NO_CONTENT,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::Gone => StatusCode::GONE,
            Self::ContentTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl Answers {
    pub(super) fn new(retry_after: Duration) -> Self {
        // In whole seconds, and never 0: that would ask for an immediate return.
        let seconds = retry_after.as_millis().div_ceil(1000).clamp(1, MAX_RETRY_AFTER);
        Self {
            every_answer: cors::every_answer(),
            preflight: cors::preflight(),
            retry_after: HeaderValue::from(u32::try_from(seconds).unwrap_or(u32::MAX)),
        }
    }

    /// The answer that says how a request ended; every one but 204 says it in one line.
    pub(super) fn to(&self, ending: Ending) -> Response<Full<Bytes>> {
        let code = ending.code();
        let mut answer = Response::new(match code {
            Code::NoContent => Full::default(),
            _ => Full::from(format!("{ending}\n")),
        });
        *answer.status_mut() = code.status();
        *answer.headers_mut() = match ending {
            Ending::Preflight => self.preflight.clone(),
            _ => self.every_answer.clone(),
        };
        let headers = answer.headers_mut();
        if code != Code::NoContent {
            headers.insert(header::CONTENT_TYPE, PLAIN_TEXT);
        }
        match code {
            Code::MethodNotAllowed => {
                headers.insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
            }
            Code::UnsupportedMediaType => {
                headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            }
            Code::ServiceUnavailable => {
                headers.insert(header::RETRY_AFTER, self.retry_after.clone());
            }
            Code::NoContent
            | Code::BadRequest
            | Code::NotFound
            | Code::RequestTimeout
            | Code::Gone
            | Code::ContentTooLarge
            | Code::UriTooLong
            | Code::HeadTooLarge => {}
        }
        answer
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Durable => out.write_str("durable"),
            Self::Preflight => out.write_str("you may upload"),
            Self::Unreadable(rejection) => rejection.fmt(out),
            Self::Malformed(what) => out.write_str(what),
            Self::BrokenOff => out.write_str("the body broke off or is badly framed"),
            Self::UnknownPath => out.write_str(
                "nothing here; reports go to /csp, /csp/{app}, /reports, /reports/{app} or \
                 /api/{app}/security/",
            ),
            Self::NoAppName => out.write_str(
                "no app name; one is 1 to 64 letters, digits, dots, hyphens or underscores",
            ),
            Self::UnknownApp => out.write_str("no such app; its name must be in the path"),
            Self::WrongMethod => out.write_str("reports are sent with POST"),
            Self::TooSlow => out.write_str("the body did not arrive in time"),
            Self::Retired => out.write_str("this app is retired"),
            Self::TooLarge { limit } => {
                write!(
                    out,
                    "the body is larger than {}",
                    ByteSize::b(*limit as u64).display().iec()
                )
            }
            Self::TooMany { reports, limit } => {
                write!(out, "{reports} reports in one request; at most {limit} are taken")
            }
            Self::UriTooLong { limit } => write!(out, "the URL is longer than {limit} bytes"),
            Self::Encoded => out.write_str("compressed bodies are not taken"),
            Self::Busy | Self::Overloaded => out.write_str("too busy; come back later"),
            Self::NotDurable => out.write_str("the reports could not be stored; come back later"),
        }
    }
}

/// The type of every one-line answer.
pub(super) const PLAIN_TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// A day, in seconds.
const MAX_RETRY_AFTER: u128 = 24 * 60 * 60;
