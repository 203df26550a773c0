//! One key for the many texts that browsers make of one policy.
//!
//! Firefox before CSP3 expanded `'self'` to the page's origin with its port, gave bare hosts the
//! page's scheme and printed `https:` as `https://*:*`; Chrome 21 doubled the spaces; a nonce
//! differs for each page view; the reporting directives say nothing about what is allowed.

use super::{Policy, Source};
use sha2::{Digest, Sha256};

/// Digests a policy into 16 hexadecimal digits that survive what browsers do to its text.
///
/// `page_host` is the host of the page that the policy was served with: a source that names it
/// counts as `'self'`. Nonces count as one, schemes and ports around hosts are ignored, order and
/// repetition do not matter, and `report-uri` and `report-to` are left out.
pub fn policy_key(policy: &str, page_host: Option<&str>) -> String {
    let mut directives: Vec<(String, Vec<String>)> = Policy::new(policy)
        .directives()
        .filter(|(name, _)| {
            !name.eq_ignore_ascii_case("report-uri") && !name.eq_ignore_ascii_case("report-to")
        })
        .map(|(name, sources)| {
            let mut sources: Vec<_> =
                sources.iter().map(|source| canonical(source, page_host)).collect();
            sources.sort_unstable();
            sources.dedup();
            (name.to_ascii_lowercase(), sources)
        })
        .collect();
    directives.sort_unstable();

    let mut digest = Sha256::new();
    for (name, sources) in directives {
        digest.update(name.as_bytes());
        for source in sources {
            digest.update(b" ");
            digest.update(source.as_bytes());
        }
        digest.update(b";");
    }
    let digest = digest.finalize();
    digest[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn canonical(source: Source<'_>, page_host: Option<&str>) -> String {
    match source {
        Source::Keyword(word) => format!("'{}'", word.to_ascii_lowercase()),
        Source::Nonce => "'nonce'".to_owned(),
        Source::Hash(hash) => format!("'{hash}'"),
        Source::Scheme(scheme) => format!("{}:", scheme.to_ascii_lowercase()),
        // `plugin-types` and the words of `sandbox` are no hosts, and pass unharmed.
        Source::Host(text) => canonical_host(text, page_host),
    }
}

fn canonical_host(text: &str, page_host: Option<&str>) -> String {
    let lower = text.to_ascii_lowercase();
    // Old Firefox and old samples write the keyword without its quotes.
    if lower == "self" {
        return "'self'".to_owned();
    }
    let (scheme, rest) = match lower.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, lower.as_str()),
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port == "*" || port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    match (scheme, host) {
        (Some(scheme), "*" | "") => format!("{scheme}:"),
        _ if page_host.is_some_and(|page| {
            let host = host.strip_prefix("www.").unwrap_or(host);
            page == host && matches!(path, "" | "/")
        }) =>
        {
            "'self'".to_owned()
        }
        _ if path == "/" => host.to_owned(),
        _ => format!("{host}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_one_policy_share_a_key() {
        let sent = "default-src 'self'; script-src 'self' cdn.example.net 'nonce-a1' https:; \
                    report-uri /csp";
        let chrome21 = "default-src  'self'; script-src  'self' cdn.example.net 'nonce-b2' https:; \
                        report-uri http://collector.example/csp";
        let firefox = "default-src http://shop.example:80; script-src http://shop.example:80 \
                       http://cdn.example.net:80 'nonce-c3' https://*:*";
        let key = policy_key(sent, Some("shop.example"));
        assert_eq!(key.len(), 16);
        assert_eq!(policy_key(chrome21, Some("shop.example")), key);
        assert_eq!(policy_key(firefox, Some("shop.example")), key);
    }

    #[test]
    fn another_policy_has_another_key() {
        let key = |policy| policy_key(policy, Some("shop.example"));
        assert_ne!(key("img-src a.test"), key("img-src b.test"));
        assert_ne!(key("img-src a.test"), key("font-src a.test"));
        assert_ne!(key("img-src a.test/x"), key("img-src a.test"));
        assert_ne!(key("img-src 'sha256-A='"), key("img-src 'sha256-B='"));
        assert_eq!(key("img-src"), key("IMG-SRC"));
    }
}
