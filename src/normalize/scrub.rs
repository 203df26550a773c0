//! What must not be kept.
//!
//! Browsers strip fragments and user info but keep the query (CSP3 section 5.4, Reporting API
//! section 8.2), and pages put tokens into paths. Everything here replaces a secret with `*`;
//! scrubbing twice is the same as once.

use super::secret::{
    MAX_DIGITS, WEB_TOKEN, digits_in_a_row, is_mail, is_plain_name, is_uuid, looks_secret,
    needs_mask,
};
use super::settings::{Keep, KeepText};
use std::borrow::Cow;

/// Masks the segments of a URL's path that look like secrets.
pub fn path(path: Cow<'_, str>) -> Cow<'_, str> {
    if !path.split('/').any(|segment| needs_mask(segment) || segment.contains([';', '='])) {
        return path;
    }
    let mut masked = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            masked.push('/');
        }
        // `/cart;jsessionid=1A2B`: a parameter of the segment (RFC 3986 section 3.3).
        for (at, part) in segment.split(';').enumerate() {
            if at > 0 {
                masked.push(';');
            }
            match part.split_once('=') {
                Some((name, _)) => {
                    masked.push_str(if is_plain_name(name) { name } else { "*" });
                    masked.push_str("=*");
                }
                None => mask_segment(part, &mut masked),
            }
        }
    }
    Cow::Owned(masked)
}

/// The names of a query, without their values; `None` when none is left.
pub fn query(query: &str) -> Option<String> {
    let mut names = String::new();
    push_names(&mut names, query);
    (!names.is_empty()).then_some(names)
}

/// Writes `name=&other=`: that a value was there shows, and what it was does not. A word without
/// an equals sign may be a value itself, and is kept only when it is a plain word.
fn push_names(out: &mut String, query: &str) {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(MAX_NAMES);
    for (at, pair) in pairs.enumerate() {
        if at > 0 {
            out.push('&');
        }
        let name = pair.split('=').next().unwrap_or(pair);
        let name = name.split("%3D").next().and_then(|name| name.split("%3d").next()).unwrap_or("");
        if name.len() < pair.len() {
            out.push_str(if is_plain_name(name) { name } else { "*" });
            out.push('=');
        } else {
            out.push_str(if is_plain_word(pair) { pair } else { "*" });
        }
    }
}

/// A flag such as `?wsdl`.
fn is_plain_word(word: &str) -> bool {
    word == "*"
        || word.len() <= 20
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'_' | b'-'))
}

/// The authority and path of an extension's URL. Firefox and Safari make the authority anew for
/// each installation, so that it would name the person.
pub fn package(rest: &str, keep: Keep) -> String {
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, file) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let host = authority.rsplit('@').next().unwrap_or(authority);
    let host = if is_uuid(host) { "*" } else { host };
    match keep {
        Keep::Keep => format!("{host}{file}"),
        Keep::Scrub => format!("{host}{}", path(Cow::Borrowed(file))),
        Keep::Origin => host.to_owned(),
    }
}

/// A text that is no URL: nothing behind a question mark or a hash, no secrets before them.
pub fn label(text: &str, keep: Keep) -> Cow<'_, str> {
    if keep == Keep::Keep {
        return Cow::Borrowed(text);
    }
    let text = text.split(['?', '#']).next().unwrap_or(text).trim_end();
    if let Some(scheme_end) = text.find("://") {
        if keep == Keep::Origin {
            return Cow::Borrowed(&text[..scheme_end + 3]);
        }
        // User info of a URL that does not parse.
        if let Some(at) = text.rfind('@').filter(|at| *at > scheme_end) {
            let kept = format!("{}://{}", &text[..scheme_end], &text[at + 1..]);
            return Cow::Owned(words(&kept).trim().to_owned());
        }
    } else if keep == Keep::Origin && text.contains(['/', '\\']) {
        // A path, of which nothing but its being there may be kept.
        return Cow::Borrowed("*");
    }
    trimmed(words(text))
}

/// A text of a report of another type: as it is, but for secrets and the queries of URLs in it.
pub fn prose(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end();
        if word.contains('?') && word.contains('/') {
            kept.push_str(&label(word, Keep::Scrub));
            kept.push_str(&part[word.len()..]);
        } else {
            kept.push_str(part);
        }
    }
    words(&kept).into_owned()
}

/// Without the blanks that control characters at the ends have become.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// A sample of code, without secrets and control characters. It is text of an attacker's choice.
pub fn sample(sample: Cow<'_, str>, keep: KeepText) -> Option<Cow<'_, str>> {
    match keep {
        KeepText::Keep => Some(sample),
        KeepText::Drop => None,
        KeepText::Scrub => Some(match sample {
            Cow::Borrowed(sample) => words(sample),
            Cow::Owned(sample) => Cow::Owned(words(&sample).into_owned()),
        }),
    }
}

/// A policy without its nonces, which differ for each page view, and without the secrets in its
/// own `report-uri`.
pub fn policy(policy: Cow<'_, str>, keep: KeepText) -> Option<Cow<'_, str>> {
    match keep {
        KeepText::Keep => return Some(policy),
        KeepText::Drop => return None,
        KeepText::Scrub => {}
    }
    let mut masked = String::new();
    let mut copied = 0;
    let place = |token: &str| token.as_ptr() as usize - policy.as_ptr() as usize;
    for directive in policy.split(';') {
        let is_report_uri = directive
            .trim_ascii_start()
            .get(.."report-uri".len())
            .is_some_and(|name| name.eq_ignore_ascii_case("report-uri"));
        for token in directive.split_ascii_whitespace() {
            let is_nonce = token.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("'nonce-"));
            let is_url = is_report_uri || token.contains("://");
            if !(is_nonce || is_url && has_secret(token)) {
                continue;
            }
            if masked.is_empty() {
                masked.reserve(policy.len());
            }
            masked.push_str(&policy[copied..place(token)]);
            copied = place(token) + token.len();
            if is_nonce {
                masked.push_str("'nonce-*'");
            } else {
                push_endpoint(&mut masked, token);
            }
        }
    }
    Some(if copied == 0 {
        policy
    } else {
        masked.push_str(&policy[copied..]);
        Cow::Owned(masked)
    })
}

/// Whether anything of an endpoint's URL may have to be masked.
fn has_secret(endpoint: &str) -> bool {
    endpoint.contains(['?', '#', '@', ';', '=']) || endpoint.split('/').any(needs_mask)
}

/// Writes the URL of a report endpoint, absolute or relative, without its secrets.
fn push_endpoint(out: &mut String, url: &str) {
    let url = url.split('#').next().unwrap_or(url);
    let (before_query, values) = match url.split_once('?') {
        Some((before, values)) => (before, Some(values)),
        None => (url, None),
    };
    let authority_start = before_query.find("://").map_or(0, |at| at + 3);
    let (scheme, rest) = before_query.split_at(authority_start);
    let (authority, file) = match rest.find('/') {
        Some(at) if authority_start > 0 => rest.split_at(at),
        None if authority_start > 0 => (rest, ""),
        _ => ("", rest),
    };
    out.push_str(scheme);
    // `https://key@collector.example`: old Sentry endpoints.
    out.push_str(authority.rsplit('@').next().unwrap_or(authority));
    out.push_str(&path(Cow::Borrowed(file)));
    if let Some(values) = values {
        let mark = out.len();
        out.push('?');
        push_names(out, values);
        if out.len() == mark + 1 {
            out.truncate(mark);
        }
    }
}

/// Masks the words of a free text that look like secrets, and blanks control characters.
fn words(text: &str) -> Cow<'_, str> {
    match mask_cards(text) {
        Some(masked) => Cow::Owned(mask_words(&masked).into_owned()),
        None => mask_words(text),
    }
}

/// Masks 13 to 19 digits in groups with single blanks or hyphens between: card numbers.
fn mask_cards(text: &str) -> Option<String> {
    let is_part = |letter: char| letter.is_ascii_digit() || matches!(letter, ' ' | '-');
    let digits = |run: &str| run.bytes().filter(u8::is_ascii_digit).count();
    let inner = |run: &str| run.trim_matches([' ', '-']).to_owned();
    let is_card = |run: &str| {
        let run = inner(run);
        (13..=19).contains(&digits(&run)) && !run.contains("  ") && run.len() > digits(&run)
    };
    if !text.split(|letter| !is_part(letter)).any(is_card) {
        return None;
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_part) {
        let len = rest[start..].find(|letter| !is_part(letter)).unwrap_or(rest.len() - start);
        let run = &rest[start..start + len];
        masked.push_str(&rest[..start]);
        masked.push_str(&if is_card(run) { run.replace(&inner(run), "*") } else { run.to_owned() });
        rest = &rest[start + len..];
    }
    masked.push_str(rest);
    Some(masked)
}

fn mask_words(text: &str) -> Cow<'_, str> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_-@.%+".contains(letter);
    let is_control = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    let secret = |word: &str| looks_secret(word) || digits_in_a_row(word) >= MAX_DIGITS;
    if !text.split(|letter| !is_word(letter)).any(secret) && !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    for part in text.split_inclusive(|letter| !is_word(letter)) {
        let word_len = part.trim_end_matches(|letter| !is_word(letter)).len();
        let (word, separator) = part.split_at(word_len);
        if looks_secret(word) {
            masked.push('*');
        } else {
            mask_digits(word, &mut masked);
        }
        masked
            .extend(separator.chars().map(|letter| if is_control(letter) { ' ' } else { letter }));
    }
    Cow::Owned(masked)
}

/// Writes a word with its long rows of digits masked: `window.script1528893700887`.
fn mask_digits(word: &str, masked: &mut String) {
    let mut rest = word;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let len = rest[start..]
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(rest.len() - start);
        masked.push_str(&rest[..start]);
        masked.push_str(if len >= MAX_DIGITS { "*" } else { &rest[start..start + len] });
        rest = &rest[start + len..];
    }
    masked.push_str(rest);
}

/// Writes a path segment, masked but for its file name extension.
fn mask_segment(segment: &str, masked: &mut String) {
    if !needs_mask(segment) {
        masked.push_str(segment);
        return;
    }
    masked.push('*');
    if let Some((_, extension)) = segment.rsplit_once('.')
        && (1..=5).contains(&extension.len())
        && extension.starts_with(|first: char| first.is_ascii_lowercase())
        && extension.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && !is_mail(segment)
        && !segment.starts_with(WEB_TOKEN)
    {
        masked.push('.');
        masked.push_str(extension);
    }
}

const MAX_NAMES: usize = 32;
