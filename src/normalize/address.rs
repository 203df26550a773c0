//! The quirks of addresses: of the page, the blocked resource, the source file, the referrer.

use super::scrub;
use super::settings::{Keep, Settings};
use crate::report::{
    Address, Location, NetworkScheme, Repair, Repairs, SchemeKind, UrlParts, bare_host,
    scheme_kind, split_scheme,
};
use std::borrow::Cow;

/// Whose address it is: the same text means different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Document,
    Blocked,
    /// Where code stood, or where a visitor came from.
    Source,
}

/// Reads an address and scrubs it. `None` when there is none, or none may be kept.
pub fn place<'b>(
    text: Option<Cow<'b, str>>,
    role: Role,
    keep: Keep,
    settings: &Settings,
    repairs: &mut Repairs,
) -> Option<Address<'b>> {
    let address = match text? {
        Cow::Borrowed(text) => parse(trimmed(text), role, keep)?,
        Cow::Owned(text) => into_owned(parse(trimmed(&text), role, keep)?),
    };
    let is_long =
        u64::try_from(address.text().len()).is_ok_and(|len| len > settings.max_url.as_u64());
    let address = settled(limit(address, settings, repairs), role, keep);
    let address = if is_long { read_again(address, role, keep) } else { address };
    // `#top` alone: nothing of it may be kept.
    Some(address).filter(|address| !address.text().is_empty())
}

/// An address that stays what it is when it is read again.
///
/// What is taken off, masked or cut may leave white space at its end, or may have been what kept a
/// label from being a URL: `https://a\u{1}b.test/` must not come back as `https://a*b.test/`.
fn settled(address: Address<'_>, role: Role, keep: Keep) -> Address<'_> {
    match address {
        Address::Label(label) => {
            let label = trimmed_text(label);
            let again = parse(&label, role, keep);
            let is_same = label.is_empty()
                || matches!(&again, Some(Address::Label(again)) if *again == label);
            drop(again);
            Address::Label(if is_same { label } else { Cow::Borrowed("*") })
        }
        Address::Local { scheme, text } => Address::Local { scheme, text: trimmed_text(text) },
        Address::Network(_) => address,
    }
}

fn trimmed_text(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(trimmed(text)),
        Cow::Owned(text) if trimmed(&text).len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(trimmed(&text).to_owned()),
    }
}

/// What is left of an address that was cut, as it is read: the cut may have left half of something
/// at the end, such as a `?` without a query or a part of a path that looks like a secret now.
fn read_again(mut address: Address<'_>, role: Role, keep: Keep) -> Address<'_> {
    for _ in 0..MAX_READINGS {
        let Some(again) = parse(address.text(), role, keep).map(into_owned) else { break };
        if again == address {
            return address;
        }
        address = settled(again, role, keep);
    }
    address
}

/// Without the white space and control characters around, which no address needs.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || letter.is_control())
}

fn parse(text: &str, role: Role, keep: Keep) -> Option<Address<'_>> {
    if text.is_empty() {
        return None;
    }
    if let Some(parts) = UrlParts::split(text) {
        return Some(Address::Network(location(text, parts, keep)));
    }
    // WebKit counts the scripts that an app injects: `user-script:1` (UserScript.cpp).
    if role == Role::Source && text.starts_with("user-script:") {
        return Some(Address::Label(Cow::Borrowed("user-script")));
    }
    match split_scheme(text) {
        Some((scheme, rest)) if !is_host_with_port(scheme, rest) => {
            Some(with_scheme(text, scheme, rest, role, keep))
        }
        _ => Some(without_scheme(text, role, keep)),
    }
}

/// `localhost:8080` and `example.com:443/x` are hosts; `tel:110` and `chrome-extension:2:248774`
/// are none.
fn is_host_with_port(scheme: &str, rest: &str) -> bool {
    let port = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && (scheme.contains('.') || scheme.eq_ignore_ascii_case("localhost"))
}

/// A URL that is not of the network.
///
/// CSP3 section 5.4 reduces these to their scheme; Firefox 5 to 41 and page scripts send them
/// whole, payloads of `data:` and tokens in the URLs of apps included. An extension's URL keeps
/// its identity, which is public, and its path, which names the extension's script.
fn with_scheme<'b>(
    text: &'b str,
    scheme: &'b str,
    rest: &'b str,
    role: Role,
    keep: Keep,
) -> Address<'b> {
    let scheme: Cow<'b, str> = if scheme.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(scheme.to_ascii_lowercase())
    } else {
        Cow::Borrowed(scheme)
    };
    // A network URL that does not parse: `http://:45671/x`, `https://[email]`.
    if NetworkScheme::from_name(&scheme).is_some() {
        return Address::Label(scrub::label(text, keep));
    }
    let names_its_owner =
        scheme_kind(&scheme) == SchemeKind::Extension || &*scheme == "android-app";
    let text = match rest.strip_prefix("//") {
        Some(authority_and_path) if names_its_owner && !authority_and_path.is_empty() => {
            Cow::Owned(format!("{scheme}://{}", scrub::package(authority_and_path, keep)))
        }
        // Without its colon it would be taken for a host or a label when it is read again.
        _ if !is_bare_scheme(&scheme, role) => Cow::Owned(format!("{scheme}:")),
        _ => scheme.clone(),
    };
    Address::Local { scheme, text }
}

/// Whether a word alone names a scheme. CSP3 engines write nothing but the scheme into
/// blocked-uri; elsewhere only a known one can be told from a label.
fn is_bare_scheme(word: &str, role: Role) -> bool {
    let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'_'));
    is_word
        && match role {
            Role::Blocked => word != "localhost",
            Role::Document | Role::Source => scheme_kind(word) != SchemeKind::Other,
        }
}

/// No scheme: a bare host, the bare name of a scheme, or a label.
fn without_scheme(text: &str, role: Role, keep: Keep) -> Address<'_> {
    // What stands behind these is not kept, so it must not decide.
    let head = trimmed(text.split(['?', '#']).next().unwrap_or(text));
    if role == Role::Blocked
        && let Some(location) = bare_location(head, keep)
    {
        return Address::Network(location);
    }
    let lower = head.to_ascii_lowercase();
    if is_bare_scheme(&lower, role) {
        let scheme: Cow<'_, str> =
            if lower == head { Cow::Borrowed(head) } else { Cow::Owned(lower) };
        return Address::Local { scheme: scheme.clone(), text: scheme };
    }
    Address::Label(scrub::label(text, keep))
}

/// A host without a scheme, as relays and old filters' tests have it.
fn bare_location(text: &str, keep: Keep) -> Option<Location<'static>> {
    let may_be_host = text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
        && !text.contains(|letter: char| letter.is_whitespace() || letter == '@');
    if !may_be_host {
        return None;
    }
    let url = format!("https://{text}");
    let parts = UrlParts::split(&url)?;
    // A word alone is a scheme, unless something about it is of a host only; a number is neither.
    let written = text.split(['/', '?', '#']).next().unwrap_or(text);
    let is_host = parts.host == "localhost"
        || parts.host.contains(['.', '[']) && written.contains(['.', '[']);
    if !is_host {
        return None;
    }
    let Address::Network(mut location) = into_owned(Address::Network(location(&url, parts, keep)))
    else {
        return None;
    };
    let prefix = "https://".len();
    location.text = Cow::Owned(location.text[prefix..].to_owned());
    location.path = location.path.start - prefix..location.path.end - prefix;
    // The slash that a canonical URL of an odd host has gained.
    if !text.contains('/') && location.text.ends_with('/') {
        location.text.to_mut().pop();
        location.path = location.text.len()..location.text.len();
    }
    location.scheme = None;
    Some(location)
}

/// Puts the kept parts of a network URL together, borrowing where nothing changed.
fn location<'b>(text: &'b str, parts: UrlParts<'b>, keep: Keep) -> Location<'b> {
    let UrlParts { scheme, host, port, path, query, canonical_len } = parts;
    let (path, query) = match keep {
        Keep::Keep => (path, query),
        Keep::Scrub => {
            (scrub::path(path), query.and_then(|query| scrub::query(&query).map(Cow::Owned)))
        }
        Keep::Origin => (Cow::Borrowed(""), None),
    };
    let borrowed = canonical_len.filter(|_| keep != Keep::Origin && query.is_none());
    let (text, path) = match (borrowed, &path) {
        (Some(len), Cow::Borrowed(path)) => (Cow::Borrowed(&text[..len]), len - path.len()..len),
        _ => {
            let mut whole = format!("{}://{host}", scheme.name());
            if let Some(port) = port {
                whole.push(':');
                whole.push_str(&port.to_string());
            }
            let start = whole.len();
            whole.push_str(&path);
            let end = whole.len();
            if let Some(query) = query {
                // A query needs a path before it, or it would be read as part of the host.
                whole.push('?');
                whole.push_str(&query);
            }
            (Cow::Owned(whole), start..end)
        }
    };
    let host = match host {
        Cow::Borrowed(host) => Cow::Borrowed(bare_host(host)),
        Cow::Owned(host) => Cow::Owned(bare_host(&host).to_owned()),
    };
    Location { text, scheme: Some(scheme), host, port, path }
}

/// Cuts an address at its limit.
fn limit<'b>(address: Address<'b>, settings: &Settings, repairs: &mut Repairs) -> Address<'b> {
    let max = settings.max_url.as_u64();
    let is_short = u64::try_from(address.text().len()).is_ok_and(|len| len <= max)
        && address.location().is_none_or(|location| location.host.len() <= MAX_HOST);
    if is_short && address.scheme().is_none_or(|scheme| scheme.len() <= MAX_SCHEME) {
        return address;
    }
    match address {
        // No name in the DNS is longer (RFC 1035 section 2.3.4); this is no place on the network.
        Address::Network(location) if location.host.len() > MAX_HOST => {
            repairs.add(Repair::Truncated);
            Address::Label(match location.scheme {
                Some(scheme) => Cow::Owned(format!("{}://", scheme.name())),
                None => Cow::Borrowed("*"),
            })
        }
        Address::Network(mut location) => {
            location.text = super::cut(location.text, max, repairs);
            let end = location.path.end.min(location.text.len());
            location.path = location.path.start.min(end)..end;
            Address::Network(location)
        }
        Address::Local { scheme, text } if scheme.len() <= MAX_SCHEME => {
            Address::Local { scheme, text: super::cut(text, max, repairs) }
        }
        // No scheme has so long a name, and a part of it would be taken for one when it is read
        // again.
        Address::Local { .. } => {
            repairs.add(Repair::Truncated);
            Address::Label(Cow::Borrowed("*"))
        }
        Address::Label(text) => Address::Label(super::cut(text, max, repairs)),
    }
}

fn into_owned(address: Address<'_>) -> Address<'static> {
    fn own(text: Cow<'_, str>) -> Cow<'static, str> {
        Cow::Owned(text.into_owned())
    }
    match address {
        Address::Network(location) => Address::Network(Location {
            text: own(location.text),
            host: own(location.host),
            scheme: location.scheme,
            port: location.port,
            path: location.path,
        }),
        Address::Local { scheme, text } => Address::Local { scheme: own(scheme), text: own(text) },
        Address::Label(text) => Address::Label(own(text)),
    }
}

/// Each reading takes something off the end, and one is enough nearly always.
const MAX_READINGS: usize = 4;
const MAX_HOST: usize = 255;
/// The longest scheme that has been seen has 28 letters.
const MAX_SCHEME: usize = 64;
