//! One value for one violation, whoever reports it.

use crate::policy::Directive;
use crate::report::{Address, Blocked, DirectiveName, Fingerprint, Violation};
use sha2::{Digest, Sha256};

/// Digests what makes a violation this one: the site, the directive, and what was blocked.
///
/// - The site is the page's host. The page itself counts only where the blocked thing is part of
///   it (inline code, eval, trusted types, sandbox): a script that every page loads is one
///   violation, inline code on two pages is two.
/// - Framing is known by its site alone: Chromium 156 cuts the framed page to its origin, in
///   document-uri too, so that a framer of another site does not learn where its frame went.
/// - The directive is its base: `-elem` and `-attr` are unknown before CSP3.
/// - A network resource is its host and scrubbed path. Where engines name only the origin, and
///   for anything of another scheme, that is all there is.
///
/// Left out is what differs between browsers, visits and releases: query, fragment, port, scheme,
/// line, column, sample, nonce, policy text, disposition (WebKit does not say it), user agent.
/// The digest is a cryptographic one so that nobody can make his attack look like known noise.
pub fn fingerprint(violation: &Violation<'_>) -> Fingerprint {
    let mut digest = Sha256::new();
    let mut part = |text: &str| {
        digest.update(text.as_bytes());
        digest.update([0]);
    };
    let directive = violation.directive();
    let page = violation.document.as_ref();
    part(match page {
        Some(Address::Network(page)) => &page.host,
        Some(other) => other.text(),
        None => "",
    });
    part(match directive {
        Some(DirectiveName::Known(directive)) => directive.base().name(),
        Some(DirectiveName::Unknown(name)) => name,
        None => "",
    });

    let known = directive.and_then(DirectiveName::known);
    match &violation.blocked {
        // A word for the kind comes first: `https://inline/` is not `inline`.
        _ if known == Some(Directive::FrameAncestors) => part("page"),
        _ if known == Some(Directive::Sandbox) => {
            part("page");
            part(page_path(page));
        }
        Blocked::Resource(Address::Network(blocked)) => {
            part("host");
            part(&blocked.host);
            if !violation.names_origin_only() {
                part(blocked.path());
            }
        }
        Blocked::Resource(Address::Local { scheme, .. }) => {
            part("scheme");
            part(scheme);
        }
        Blocked::Resource(Address::Label(label)) => {
            part("label");
            part(label);
        }
        keyword => {
            part("keyword");
            part(keyword.text().unwrap_or(""));
            part(page_path(page));
        }
    }
    let digest = digest.finalize();
    let mut value = [0; 16];
    value.copy_from_slice(&digest[..16]);
    Fingerprint(value)
}

fn page_path<'p>(page: Option<&'p Address<'_>>) -> &'p str {
    page.and_then(Address::location).map_or("", |page| page.path())
}
