//! How far back to look: `7d`, `36h`, `2026-11-17`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use std::fmt;
use std::str::FromStr;

/// A moment in the past, as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    written: String,
    when: When,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Ago(SignedDuration),
    Day(Date),
    Moment(Timestamp),
}

impl Since {
    /// The moment that is meant, seen from now.
    pub fn before(&self, now: Timestamp) -> Timestamp {
        match self.when {
            When::Ago(duration) => now.checked_sub(duration).unwrap_or(Timestamp::UNIX_EPOCH),
            When::Day(day) => TimeZone::UTC.to_timestamp(day.into()).unwrap_or(now),
            When::Moment(moment) => moment,
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ago = || {
            let span: Span = text.parse().ok()?;
            // A day is 24 hours here, as it is for `store.max_age`.
            let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
            (!duration.is_negative()).then_some(When::Ago(duration))
        };
        let when = text
            .parse()
            .map(When::Moment)
            .or_else(|_| text.parse().map(When::Day))
            .ok()
            .or_else(ago)
            .ok_or("expected a duration such as 7d or 36h, or a day such as 2026-11-17")?;
        Ok(Self { written: text.to_owned(), when })
    }
}

impl fmt::Display for Since {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::Ago(_) => write!(out, "of the last {}", self.written),
            When::Day(_) | When::Moment(_) => write!(out, "since {}", self.written),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_days_and_moments_are_read() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (text, moment, shown) in [
            ("7d", "2026-11-17T12:00:00Z", "of the last 7d"),
            ("1 day 12h", "2026-11-23T00:00:00Z", "of the last 1 day 12h"),
            ("2026-11-17", "2026-11-17T00:00:00Z", "since 2026-11-17"),
            (
                "2026-11-17T10:00:00+01:00",
                "2026-11-17T09:00:00Z",
                "since 2026-11-17T10:00:00+01:00",
            ),
        ] {
            let since: Since = text.parse().unwrap();
            assert_eq!(since.before(now), moment.parse().unwrap(), "{text}");
            assert_eq!(since.to_string(), shown);
        }
        for text in ["", "7", "yesterday", "-7d", "1 month"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
