//! What is wrong with a rule file, and where.

use std::fmt;

/// One mistake, told so that whoever made it can mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleError {
    /// The file as the reader knows it.
    pub file: String,
    /// Counted from 1; absent where the mistake is about the set as a whole.
    pub line: Option<usize>,
    pub column: Option<usize>,
    /// The rule's id, where one was read.
    pub rule: Option<String>,
    /// The path of the key inside the rule.
    pub key: Option<String>,
    pub message: String,
    /// The line as it stands in the file.
    pub source_line: Option<String>,
}

impl RuleError {
    /// A mistake at a byte of a file.
    pub fn at(file: &str, text: &str, byte: usize, message: impl Into<String>) -> Self {
        let byte = text.floor_char_boundary(byte.min(text.len()));
        let before = &text[..byte];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let source_line = text[line_start..].lines().next().unwrap_or("");
        Self {
            file: file.to_owned(),
            line: Some(before.matches('\n').count() + 1),
            column: Some(text[line_start..byte].chars().count() + 1),
            rule: None,
            key: None,
            message: message.into(),
            source_line: Some(source_line.to_owned()),
        }
    }

    /// The line with a caret under the place.
    pub fn excerpt(&self) -> Option<String> {
        let (line, column) = (self.line?, self.column?);
        let source = self.source_line.as_deref()?.replace('\t', " ");
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let indent = " ".repeat(column - 1);
        Some(format!("{margin} |\n{number} | {source}\n{margin} | {indent}^"))
    }
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
            write!(out, ": rule `{rule}`")?;
        }
        if let Some(key) = &self.key {
            write!(out, ": key `{key}`")?;
        }
        write!(out, ": {}", self.message)
    }
}

impl std::error::Error for RuleError {}
