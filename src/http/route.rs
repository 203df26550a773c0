//! Where a path leads.
//!
//! In comes the path of a request, out comes a [`Route`]. Nothing is decoded: the characters of
//! an application's name need no percent signs, so that a name with one is no name. Whether the
//! application may report is not asked here.

use crate::report::is_app_name;

/// What a path of the public listener stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'p> {
    /// Reports are taken in here, for the application the path names.
    Ingest {
        app: Option<&'p str>,
    },
    /// It would take reports in, but what should name the application is no name.
    NoAppName,
    Unknown,
}

/// Tells where a path leads. One slash at the end makes no difference.
pub(super) fn route(path: &str) -> Route<'_> {
    let Some(path) = path.strip_prefix('/') else {
        return Route::Unknown;
    };
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut segments = path.split('/');
    let [first, second, third, fourth] = std::array::from_fn(|_| segments.next());
    let app = match (first, second, third, fourth) {
        (Some("csp" | "reports"), None, None, None) => return Route::Ingest { app: None },
        // The second shape is that of Sentry and GlitchTip: their users need only change the host.
        (Some("csp" | "reports"), Some(app), None, None)
        | (Some("api"), Some(app), Some("security"), None) => app,
        _ => return Route::Unknown,
    };
    if is_app_name(app) { Route::Ingest { app: Some(app) } } else { Route::NoAppName }
}
