//! What must not be kept.
//!
//! Browsers strip fragments and user info but keep the query (CSP3 section 5.4, Reporting API
//! section 8.2), and pages put tokens into paths. Everything here replaces a secret with `*`;
//! scrubbing twice is the same as once.

use super::settings::Keep;
use std::borrow::Cow;

/// Masks the segments of a URL's path that look like secrets.
pub fn path(path: Cow<'_, str>) -> Cow<'_, str> {
    if !path.split('/').any(|segment| needs_mask(segment) || segment.contains(';')) {
        return path;
    }
    let mut masked = String::with_capacity(path.len());
    for (at, segment) in path.split('/').enumerate() {
        if at > 0 {
            masked.push('/');
        }
        // `/cart;jsessionid=1A2B`: a parameter of the segment (RFC 3986 section 3.3).
        let (name, parameters) = match segment.split_once(';') {
            Some((name, parameters)) => (name, Some(parameters)),
            None => (segment, None),
        };
        mask_segment(name, &mut masked);
        for parameter in parameters.into_iter().flat_map(|parameters| parameters.split(';')) {
            let name = parameter.split('=').next().unwrap_or(parameter);
            masked.push(';');
            masked.push_str(if is_plain_name(name) { name } else { "*" });
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

fn push_names(out: &mut String, query: &str) {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(MAX_NAMES);
    for (at, pair) in pairs.enumerate() {
        let name = pair.split('=').next().unwrap_or(pair);
        if at > 0 {
            out.push('&');
        }
        out.push_str(if is_plain_name(name) { name } else { "*" });
    }
}

/// The authority and path of an extension's URL. Firefox and Safari make the authority anew for
/// each installation, so that it would name the person.
pub fn package(rest: &str) -> String {
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, file) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let authority = if is_uuid(authority) { "*" } else { authority };
    format!("{authority}{}", path(Cow::Borrowed(file)))
}

/// A text that is no URL: nothing behind a question mark or a hash, no secrets before them.
pub fn label(text: &str, keep: Keep) -> Cow<'_, str> {
    if keep == Keep::Keep {
        return Cow::Borrowed(text);
    }
    let text = text.split(['?', '#']).next().unwrap_or(text).trim_end();
    // User info of a URL that does not parse.
    let text = match (text.find("://"), text.rfind('@')) {
        (Some(scheme_end), Some(at)) if at > scheme_end => {
            Cow::Owned(format!("{}://{}", &text[..scheme_end], &text[at + 1..]))
        }
        _ => Cow::Borrowed(text),
    };
    match text {
        Cow::Borrowed(text) => trimmed(words(text)),
        Cow::Owned(text) => Cow::Owned(words(&text).trim().to_owned()),
    }
}

/// Without the blanks that control characters at the ends have become.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// A sample of code, without secrets and control characters. It is text of an attacker's choice.
pub fn sample(sample: Cow<'_, str>, keep: Keep) -> Option<Cow<'_, str>> {
    match keep {
        Keep::Keep => Some(sample),
        Keep::Drop | Keep::Origin => None,
        Keep::Scrub => Some(match sample {
            Cow::Borrowed(sample) => words(sample),
            Cow::Owned(sample) => Cow::Owned(words(&sample).into_owned()),
        }),
    }
}

/// A policy without its nonces, which differ for each page view, and without the secrets in its
/// own `report-uri`.
pub fn policy(policy: Cow<'_, str>, keep: Keep) -> Option<Cow<'_, str>> {
    match keep {
        Keep::Keep => return Some(policy),
        Keep::Drop | Keep::Origin => return None,
        Keep::Scrub => {}
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
            if !(is_nonce || is_report_uri && has_secret(token)) {
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
    endpoint.contains(['?', '#', '@', ';']) || endpoint.split('/').any(needs_mask)
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
        && extension.bytes().all(|byte| byte.is_ascii_lowercase())
        && !is_mail(segment)
        && !segment.starts_with(WEB_TOKEN)
    {
        masked.push('.');
        masked.push_str(extension);
    }
}

fn needs_mask(segment: &str) -> bool {
    looks_secret(segment) || digits_in_a_row(segment) >= MAX_DIGITS || is_card_number(segment)
}

/// Four groups of four digits, or what else makes up 13 to 19 digits with hyphens between.
fn is_card_number(segment: &str) -> bool {
    segment.split(|letter: char| !(letter.is_ascii_digit() || letter == '-')).any(|run| {
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        (13..=19).contains(&digits)
    })
}

/// A mail address, a JSON web token, a UUID, or twenty letters and digits without sense.
fn looks_secret(word: &str) -> bool {
    if word.len() < 3 {
        return false;
    }
    is_mail(word)
        || word.starts_with(WEB_TOKEN)
        || is_uuid(word)
        || word
            .split(|letter: char| {
                !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
            })
            .any(is_random)
}

fn is_mail(word: &str) -> bool {
    let at = word
        .find('@')
        .map(|at| (at, 1))
        .or_else(|| word.as_bytes().windows(3).position(|three| three == b"%40").map(|at| (at, 3)));
    at.is_some_and(|(at, len)| at > 0 && word[at + len..].contains('.'))
}

/// 8-4-4-4-12 hexadecimal digits.
fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// At least twenty letters and digits in a row with digits strewn in, or the same with hyphens
/// and underscores when letters and digits take turns: base64 and hexadecimal look like this,
/// titles of articles and names of classes do not.
fn is_random(run: &str) -> bool {
    if run.len() < MIN_RANDOM {
        return false;
    }
    let solid = run.split(['-', '_']).any(|part| {
        part.len() >= MIN_RANDOM && part.bytes().filter(u8::is_ascii_digit).count() >= 3
    });
    let turns = run
        .as_bytes()
        .windows(2)
        .filter(|two| {
            two[0].is_ascii_digit() && two[1].is_ascii_alphabetic()
                || two[0].is_ascii_alphabetic() && two[1].is_ascii_digit()
        })
        .count();
    solid || turns >= 4
}

fn digits_in_a_row(word: &str) -> usize {
    word.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max().unwrap_or(0)
}

/// A parameter's name that a person wrote.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 40
        && !needs_mask(name)
        && name.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'%' | b'*' | b'$' | b':')
        })
}

/// Order numbers, card numbers, phone numbers, times in milliseconds.
const MAX_DIGITS: usize = 9;
/// How every JSON web token begins: `{"` in base64.
const WEB_TOKEN: &str = "eyJ";
const MIN_RANDOM: usize = 20;
const MAX_NAMES: usize = 32;
