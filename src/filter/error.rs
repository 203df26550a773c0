//! What is wrong with a rule file, and where.
//!
//! A mistake shows the line in which it stands, as far as a screen is wide, with a caret under the
//! place. Nothing of a file can break a line of a message or move the cursor of a terminal.

use super::spelling::{one_line, quoted};
use std::fmt;
use unicode_width::UnicodeWidthChar;

/// One mistake, told so that whoever made it can mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The file as the reader knows it.
    pub file: String,
    /// Counted from 1; absent where the mistake is about the file as a whole.
    pub line: Option<usize>,
    /// Counted in characters from 1, as editors do.
    pub column: Option<usize>,
    /// The rule's id, where one was read.
    pub rule: Option<String>,
    /// The path of the key inside the rule.
    pub key: Option<String>,
    pub message: String,
    /// The line as it stands in the file.
    pub source_line: Option<SourceLine>,
}

/// A line of a file, or what of it fits beside the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLine {
    text: String,
    /// How many cells of a terminal stand before the place.
    indent: usize,
}

impl RuleError {
    /// A mistake at a byte of a file.
    pub fn at(file: &str, text: &str, byte: usize, message: impl Into<String>) -> Self {
        let byte = text.floor_char_boundary(byte.min(text.len()));
        let before = &text[..byte];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = text[byte..].find('\n').map_or(text.len(), |newline| byte + newline);
        let line = text[line_start..line_end].trim_end_matches('\r');
        Self {
            file: file.to_owned(),
            line: Some(memchr::memchr_iter(b'\n', before.as_bytes()).count() + 1),
            column: Some(text[line_start..byte].chars().count() + 1),
            rule: None,
            key: None,
            message: message.into(),
            // The end of a line may be the place, and a carriage return is no part of the line.
            source_line: Some(SourceLine::cut(line, (byte - line_start).min(line.len()))),
        }
    }

    /// A mistake of a file that was not read.
    pub fn of_file(file: &str, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            column: None,
            rule: None,
            key: None,
            message: message.into(),
            source_line: None,
        }
    }

    /// The same place with something to say.
    pub fn saying(self, message: impl Into<String>) -> Self {
        Self { message: message.into(), ..self }
    }

    /// The same mistake with the path of its key, unless it has one.
    pub fn under(mut self, key: impl FnOnce() -> String) -> Self {
        self.key.get_or_insert_with(key);
        self
    }

    /// The line with a caret under the place.
    pub fn excerpt(&self) -> Option<String> {
        let SourceLine { text, indent } = self.source_line.as_ref()?;
        let number = self.line?.to_string();
        let margin = " ".repeat(number.len());
        let source = if text.is_empty() { String::new() } else { format!(" {text}") };
        let indent = " ".repeat(*indent);
        Some(format!("{margin} |\n{number} |{source}\n{margin} | {indent}^"))
    }
}

/// A reader of one value has one mistake, a reader of many may have more.
impl From<RuleError> for Vec<RuleError> {
    fn from(error: RuleError) -> Self {
        vec![error]
    }
}

/// Everything that was read, or every mistake.
pub fn all<T, E>(results: impl IntoIterator<Item = Result<T, E>>) -> Result<Vec<T>, Vec<RuleError>>
where
    Vec<RuleError>: From<E>,
{
    let (mut read, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(one) => read.push(one),
            Err(mistakes) => errors.extend(Vec::from(mistakes)),
        }
    }
    if errors.is_empty() { Ok(read) } else { Err(errors) }
}

/// Puts mistakes into the order in which a person mends them, each told once: a list file that two
/// rules name is read twice.
pub fn in_order(mut errors: Vec<RuleError>) -> Vec<RuleError> {
    let place = |error: &RuleError| (error.file.clone(), error.line, error.column);
    errors.sort_by_cached_key(place);
    errors.dedup_by(|later, first| place(later) == place(first) && later.message == first.message);
    errors
}

/// All mistakes for people: each with its line and a caret, and how many there are.
pub fn told(errors: &[RuleError]) -> String {
    let mut text = String::new();
    for error in errors {
        text.push_str(&format!("{error}\n"));
        if let Some(excerpt) = error.excerpt() {
            text.push_str(&format!("{excerpt}\n"));
        }
    }
    text.push_str(&counted(errors.len()));
    text
}

/// `3 mistakes in the rules`
pub fn counted(mistakes: usize) -> String {
    let noun = if mistakes == 1 { "mistake" } else { "mistakes" };
    format!("{mistakes} {noun} in the rules")
}

impl fmt::Display for RuleError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(out, ":{column}")?;
        }
        if let Some(rule) = &self.rule {
            write!(out, ": rule {}", quoted(rule))?;
        }
        if let Some(key) = &self.key {
            write!(out, ": key {}", quoted(key))?;
        }
        // What an example says may have lines of its own.
        write!(out, ": {}", one_line(&self.message))
    }
}

impl std::error::Error for RuleError {}

impl SourceLine {
    /// Takes what stands around a byte of a line.
    fn cut(line: &str, byte: usize) -> Self {
        let mut before = String::new();
        let mut indent = 0;
        // Backwards from the place, so that a line of a megabyte costs no more than a short one.
        let mut start = byte;
        for (at, letter) in line[..byte].char_indices().rev() {
            let (_, cells) = shown(letter);
            if indent + cells > CELLS_BEFORE {
                break;
            }
            indent += cells;
            start = at;
        }
        if start > 0 {
            before.push(CUT);
            indent += 1;
        }
        let mut text = before;
        line[start..byte].chars().for_each(|letter| text.push_str(&shown(letter).0));
        let mut cells = indent;
        for letter in line[byte..].chars() {
            let (letter, width) = shown(letter);
            cells += width;
            if cells > CELLS {
                text.push(CUT);
                break;
            }
            text.push_str(&letter);
        }
        Self { text, indent }
    }
}

/// A character as a terminal may show it, and how many cells it takes.
fn shown(letter: char) -> (String, usize) {
    match letter {
        '\t' => ("    ".to_owned(), 4),
        _ if is_unseen(letter) => ("\u{fffd}".to_owned(), 1),
        _ => (letter.to_string(), letter.width().unwrap_or(0)),
    }
}

/// Whether a character is not seen where it stands, or moves what stands beside it: controls, and
/// the marks that turn the direction of writing.
pub fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How many cells of a line are shown.
const CELLS: usize = 100;
/// How many of these stand before the place at most.
const CELLS_BEFORE: usize = 60;
const CUT: char = '…';
