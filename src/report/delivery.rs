//! What the HTTP request said around the body.

use jiff::Timestamp;

/// The circumstances of one request.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'r> {
    pub received_at: Timestamp,
    /// The application named in the path, already checked.
    pub app: Option<&'r str>,
    /// The query string of the request, as it came.
    pub query: Option<&'r str>,
    pub user_agent: Option<&'r str>,
    /// Kept beside what could not be read; nothing is decided by it.
    pub content_type: Option<&'r str>,
}

/// Stands for all applications for which there is no room where they are counted. None can be
/// called so.
pub const OTHER_APPS: &str = "(other)";

/// Whether a text can name an application: 1 to 64 letters, digits, dots, hyphens, underscores,
/// and more than dots.
///
/// The name is a metric label, a key in Kafka and part of paths that people type.
pub fn is_app_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.contains(|letter: char| letter.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_application_is_taken_for_all_others() {
        assert!(is_app_name("other") && !is_app_name(OTHER_APPS));
    }
}
