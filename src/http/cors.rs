//! The headers that let a page of one site report to another.
//!
//! Chromium asks before every single upload to another origin and forgets the answer at once, so
//! that half of all requests are such questions. The answers are therefore made once, at start,
//! and do not depend on the request: they are the same for every origin, `null` included (WebKit
//! sends that one), and they never allow credentials.

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

/// What every answer of the public listener carries. Firefox hides an answer without it from its
/// own reporter, and then tries again.
pub(super) fn every_answer() -> HeaderMap {
    headers(&[
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ])
}

/// What the question before an upload is answered with. Chromium and Firefox ask for exactly one
/// header, `content-type`.
pub(super) fn preflight() -> HeaderMap {
    let mut all = every_answer();
    all.extend(headers(&[
        (header::ACCESS_CONTROL_ALLOW_METHODS, "POST, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type"),
        // For Firefox; Chromium forgets anyway.
        (header::ACCESS_CONTROL_MAX_AGE, "86400"),
    ]));
    all
}

fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}
