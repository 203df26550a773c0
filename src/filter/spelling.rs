//! Words that are not known: what was written, what is allowed, and which of it is nearest.

use super::error::is_unseen;

/// Says that a word is not known, what is allowed, and what it may have been meant to be.
pub fn unknown(what: &str, word: &str, allowed: &[&str]) -> String {
    match nearest(word, allowed) {
        Some(meant) => {
            format!("{what}; did you mean `{meant}`? Expected one of {}", listed(word, allowed))
        }
        None => format!("{what}; expected one of {}", listed(word, allowed)),
    }
}

/// The allowed word that is spelled most like another, if any is near enough.
///
/// Hyphens, underscores and the case make no distance: these are the first things to be mixed up.
pub fn nearest<'a>(word: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let word = folded(word);
    let may_differ = (word.chars().count() / 3).clamp(1, MAX_DISTANCE);
    let near = |known: &str| strsim::osa_distance(&word, &folded(known)) <= may_differ;
    let by_distance = |known: &&str| strsim::osa_distance(&word, &folded(known));
    let mut known = allowed.iter().copied().filter(|known| near(known)).collect::<Vec<_>>();
    if known.is_empty() && word.len() >= 3 {
        // One that was left off in the middle of typing, or has an end too many.
        let begins = |known: &str| known.starts_with(&word) || word.starts_with(known);
        known.extend(allowed.iter().filter(|known| known.len() >= 2 && begins(&folded(known))));
    }
    known.into_iter().min_by_key(by_distance)
}

/// A text of a file as part of a message: in one line, of bounded length.
pub fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    let mut shown: String = text.chars().take(MAX_QUOTED).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        shown.push('…');
    }
    format!("`{}`", one_line(&shown))
}

/// A text without line breaks and other characters that are not seen.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unseen(letter) {
            line.extend(letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    line
}

/// The allowed words; of a great many those that are spelled most alike.
fn listed(word: &str, allowed: &[&str]) -> String {
    if allowed.len() <= MAX_LISTED {
        return allowed.join(", ");
    }
    let word = folded(word);
    let mut by_distance = allowed.to_vec();
    by_distance.sort_by_key(|known| strsim::osa_distance(&word, &folded(known)));
    by_distance.truncate(NEAREST_LISTED);
    by_distance.sort_unstable();
    format!(
        "{} such as {}; rules.schema.json lists them all",
        allowed.len(),
        by_distance.join(", ")
    )
}

fn folded(word: &str) -> String {
    // What is long is no misspelling, and the distance costs the product of the lengths.
    word.chars()
        .take(MAX_QUOTED)
        .map(|letter| if letter == '-' { '_' } else { letter.to_ascii_lowercase() })
        .collect()
}

/// How many letters a word may be away from what was meant.
const MAX_DISTANCE: usize = 3;
/// How much of a text is quoted.
const MAX_QUOTED: usize = 80;
/// How many words a message lists.
const MAX_LISTED: usize = 48;
/// How many it lists when there are more.
const NEAREST_LISTED: usize = 8;
