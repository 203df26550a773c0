//! A page that breaks its own policy, so that a newcomer has something to see.
//!
//! In comes where the public listener is and where the records go; out goes a page and the policy
//! it is served with. It reaches for nothing outside this machine.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// What the page tells.
#[derive(Debug)]
pub(super) struct Demo {
    public: SocketAddr,
    database: Option<PathBuf>,
}

/// One copy of the page, made for one request.
pub(super) struct Page {
    pub(super) policy: String,
    pub(super) html: String,
}

impl Demo {
    pub(super) fn new(public: SocketAddr, database: Option<PathBuf>) -> Self {
        Self { public, database }
    }

    /// Fills the page in. `host` is the name by which the browser reached us.
    pub(super) fn page(&self, host: Option<&str>) -> Page {
        // The last 74 bits are random: enough for a page that wants to be attacked.
        let nonce = Uuid::now_v7().simple().to_string();
        let endpoint = format!("http://{}/csp/demo?enforce=1", self.authority(host));
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
             img-src 'self'; report-uri {endpoint}"
        );
        let look = match &self.database {
            Some(database) => format!("sqlite3 {} \"{QUERY}\"", shell_word(database)),
            None => "kcat -b BROKER -t csp.clean -C -o -10 -e".to_owned(),
        };
        let html = fill(
            include_str!("demo.html"),
            &[("nonce", &nonce), ("policy", &policy), ("endpoint", &endpoint), ("look", &look)],
        );
        Page { policy, html }
    }

    /// The public address as the browser can reach it.
    fn authority(&self, host: Option<&str>) -> String {
        if !self.public.ip().is_unspecified() {
            return self.public.to_string();
        }
        // It listens everywhere: where this page came from is as good as any.
        if let Some(name) = host.map(without_port).filter(|name| is_host(name)) {
            return format!("{name}:{}", self.public.port());
        }
        let loopback = match self.public {
            SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        SocketAddr::new(loopback, self.public.port()).to_string()
    }
}

/// Puts values, escaped, where the template says `{{name}}`.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() + 1024);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
            escape(value, &mut filled);
        }
        rest = after;
    }
    filled.push_str(rest);
    filled
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(character),
        }
    }
}

/// A path as a shell takes it.
fn shell_word(path: &Path) -> String {
    let path = path.to_string_lossy();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if path.bytes().all(is_plain) {
        return path.into_owned();
    }
    let mut word = String::new();
    let _ = write!(word, "'{}'", path.replace('\'', r"'\''"));
    word
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Whether a text is a name or an address, and can end neither a directive nor a URL.
fn is_host(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    !inside.is_empty()
        && inside.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'.' | b'-')
                || (byte == b':' && inside.len() < text.len())
        })
}

const QUERY: &str = "SELECT timestamp, classification, violation_type, blocked_uri FROM clean \
                     WHERE app_name = 'demo' ORDER BY timestamp DESC LIMIT 10";

#[cfg(test)]
mod tests {
    use super::*;

    fn demo(public: &str, database: &str) -> Demo {
        Demo::new(public.parse().unwrap(), Some(database.into()))
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        let page = demo("127.0.0.1:8080", "data/cspipe.db").page(None);
        assert!(!page.html.contains("{{"));
        assert!(page.policy.ends_with("report-uri http://127.0.0.1:8080/csp/demo?enforce=1"));
        assert!(page.html.contains("sqlite3 data/cspipe.db &quot;SELECT timestamp"));
    }

    #[test]
    fn each_page_has_its_own_nonce() {
        let demo = demo("127.0.0.1:8080", "data");
        assert_ne!(demo.page(None).policy, demo.page(None).policy);
    }

    #[test]
    fn a_path_cannot_leave_its_place() {
        let page = demo("127.0.0.1:8080", "it's <b>/x.db").page(None);
        assert!(page.html.contains(r"sqlite3 &#39;it&#39;\&#39;&#39;s &lt;b&gt;/x.db&#39; "));
    }

    #[test]
    fn an_address_that_is_everywhere_takes_the_name_the_browser_used() {
        for (public, host, authority) in [
            ("127.0.0.1:8080", Some("example.com"), "127.0.0.1:8080"),
            ("0.0.0.0:8080", Some("csp.test:8081"), "csp.test:8080"),
            ("0.0.0.0:8080", Some("[::1]:8081"), "[::1]:8080"),
            ("0.0.0.0:8080", Some("a;script-src *"), "127.0.0.1:8080"),
            ("0.0.0.0:8080", Some("a:b"), "127.0.0.1:8080"),
            ("0.0.0.0:8080", Some(""), "127.0.0.1:8080"),
            ("[::]:8080", None, "[::1]:8080"),
        ] {
            assert_eq!(demo(public, "data").authority(host), authority, "{public} {host:?}");
        }
    }
}
