//! What looks like a secret: mail addresses, tokens, keys, long numbers.
//!
//! A guess by looks. What people write as names of pages, files, versions and parameters must
//! pass; both sides have rows in the tests.

/// Whether a part of a path must be masked.
pub fn needs_mask(segment: &str) -> bool {
    looks_secret(segment) || digits_in_a_row(segment) >= MAX_DIGITS || is_card_number(segment)
}

/// Four groups of four digits, or what else makes up 13 to 19 digits with hyphens or blanks
/// between.
fn is_card_number(segment: &str) -> bool {
    let plain = segment.contains('%').then(|| segment.replace("%20", "-"));
    let segment = plain.as_deref().unwrap_or(segment);
    segment.split(|letter: char| !(letter.is_ascii_digit() || matches!(letter, '-' | '+'))).any(
        |run| {
            let digits = run.bytes().filter(u8::is_ascii_digit).count();
            (13..=19).contains(&digits)
        },
    )
}

/// A mail address, user info, a JSON web token, a key with a known prefix, a UUID, or letters and
/// digits without sense.
pub fn looks_secret(word: &str) -> bool {
    if word.len() < 3 {
        return false;
    }
    is_mail(word)
        || is_user_info(word)
        || word.starts_with(WEB_TOKEN)
        || KEY_PREFIXES.iter().any(|prefix| word.starts_with(prefix))
        || is_uuid(word)
        || word
            .split(|letter: char| {
                !(letter.is_ascii_alphanumeric() || letter == '_' || letter == '-')
            })
            .any(is_random)
}

/// `anna@example.org`, encoded once or twice. `vue@3.4`, `logo@2x.png` and `react@18.production`
/// are versions and sizes.
pub fn is_mail(word: &str) -> bool {
    ["@", "%40", "%2540"].into_iter().any(|sign| {
        let Some((name, host)) = word.split_once(sign) else { return false };
        let end = host
            .find(|letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-')))
            .unwrap_or(host.len());
        let Some((parent, last)) = host[..end].trim_end_matches('.').rsplit_once('.') else {
            return false;
        };
        let is_top = last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic());
        let is_version = parent.starts_with(|first: char| first.is_ascii_digit())
            && !matches!(last, "com" | "net" | "org" | "cn");
        !name.is_empty()
            && !parent.is_empty()
            && is_top
            && !is_version
            && !FILE_ENDINGS.contains(&last)
    })
}

/// `user:password@`, wherever it stands.
fn is_user_info(word: &str) -> bool {
    word.split_once('@').is_some_and(|(before, _)| {
        before.split_once(':').is_some_and(|(_, secret)| !secret.is_empty())
    })
}

/// 8-4-4-4-12 hexadecimal digits.
pub fn is_uuid(word: &str) -> bool {
    word.len() == 36
        && word.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Text that no person wrote.
///
/// Sixteen hexadecimal digits; or at least twenty letters and digits in a row with digits strewn
/// in, or with small and capital letters taking turns; or the same with hyphens and underscores
/// between. Titles of articles, names of classes and versions of files look otherwise: their
/// digits stand at the ends of words, and their small letters in rows.
fn is_random(run: &str) -> bool {
    run.split(['-', '_']).any(|part| is_hexadecimal(part) || is_mixed(part))
        || run.len() >= MIN_RANDOM && digit_letter_turns(run) >= 3
}

fn is_hexadecimal(part: &str) -> bool {
    part.len() >= MIN_HEXADECIMAL
        && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        && part.bytes().any(|byte| byte.is_ascii_digit())
        && part.bytes().any(|byte| byte.is_ascii_alphabetic())
}

fn is_mixed(part: &str) -> bool {
    if part.len() < MIN_RANDOM {
        return false;
    }
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let small = part.bytes().filter(u8::is_ascii_lowercase).count();
    let rows = part
        .split(|letter: char| !letter.is_ascii_lowercase())
        .filter(|row| !row.is_empty())
        .count();
    let takes_turns = rows >= 4 && small * 2 < rows * 5;
    let shouts = small == 0 && digits >= 1;
    digits >= 3 || takes_turns || shouts
}

fn digit_letter_turns(run: &str) -> usize {
    let pairs = run.as_bytes().windows(2);
    pairs.filter(|two| two[0].is_ascii_digit() && two[1].is_ascii_alphabetic()).count()
}

pub fn digits_in_a_row(word: &str) -> usize {
    word.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max().unwrap_or(0)
}

/// A parameter's name that a person wrote.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 40
        && !needs_mask(name)
        && name.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'_' | b'-' | b'.' | b'[' | b']' | b'%' | b'*' | b'$' | b':')
        })
}

/// Order numbers, card numbers, phone numbers, times in milliseconds.
pub const MAX_DIGITS: usize = 9;
/// How every JSON web token begins: `{"` in base64.
pub const WEB_TOKEN: &str = "eyJ";
const MIN_RANDOM: usize = 20;
const MIN_HEXADECIMAL: usize = 16;
/// Keys that say what they are: GitHub, Slack, Stripe, Amazon, Google.
const KEY_PREFIXES: &[&str] = &[
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "xoxb-",
    "xoxp-",
    "sk_live_",
    "pk_live_",
    "AKIA",
    "AIza",
];
/// What follows the dot in names of files, not of hosts.
const FILE_ENDINGS: &[&str] = &[
    "avif", "css", "gif", "htm", "html", "ico", "jpeg", "jpg", "js", "json", "map", "mjs", "pdf",
    "php", "png", "svg", "ts", "txt", "webp", "woff", "xml",
];
