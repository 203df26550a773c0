//! What can be set about the store.

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Settings of the embedded store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How many bytes of records go into one transaction, at most; a single request that is
    /// larger goes alone. Larger transactions store more per second and answer later.
    pub commit_bytes: ByteSize,
    /// How long the first request of a transaction waits for company. What arrives while a
    /// transaction runs has company already and waits no longer.
    #[serde(with = "duration")]
    pub commit_delay: Duration,
    /// How many bytes of records may wait for the disk. Beyond that, requests are turned away
    /// at once.
    pub queue_bytes: ByteSize,
    /// How long a record is kept after it was received.
    #[serde(with = "duration")]
    pub max_age: Duration,
    /// How many bytes the database may fill. Beyond that, the oldest records go first. The log of
    /// changes beside the database comes on top of it: a few megabytes, unless a reader stays.
    pub max_bytes: ByteSize,
    /// How many combinations of application, classification, directive, disposition and stream
    /// are counted in the view `hourly` for one hour. What comes beyond that is counted under the
    /// application `(other)`.
    pub rollup_max_keys: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            commit_bytes: ByteSize::mib(4),
            commit_delay: Duration::from_millis(1),
            queue_bytes: ByteSize::mib(64),
            max_age: Duration::from_hours(30 * 24),
            max_bytes: ByteSize::gib(2),
            rollup_max_keys: 10_000,
        }
    }
}

/// Durations with units, days among them.
///
/// `jiff` refuses days where a duration is wanted, because a civil day may last 23 or 25 hours.
/// Retention is thought of in days, so that one here is always 24 hours.
mod duration {
    use jiff::fmt::friendly::{Designator, SpanPrinter};
    use jiff::{Span, SpanRelativeTo};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::borrow::Cow;
    use std::time::Duration;

    const DAY: u64 = 24 * 60 * 60;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        let span: Span = text.parse().map_err(D::Error::custom)?;
        let duration =
            span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(D::Error::custom)?;
        Duration::try_from(duration).map_err(D::Error::custom)
    }

    pub(super) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        let seconds = duration.as_secs();
        if seconds >= DAY && seconds.is_multiple_of(DAY) && duration.subsec_nanos() == 0 {
            return to.collect_str(&format_args!("{}d", seconds / DAY));
        }
        let printer = SpanPrinter::new().designator(Designator::Compact);
        to.serialize_str(&printer.unsigned_duration_to_string(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_survive_a_round_trip() {
        let text = toml::to_string(&Settings::default()).unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), Settings::default());
        assert!(text.contains("commit_delay = \"1ms\""), "{text}");
        assert!(text.contains("max_age = \"30d\""), "{text}");
        assert!(text.contains("max_bytes = \"2.0 GiB\""), "{text}");
    }

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, hours) in [("30d", 720), ("2 weeks", 336), ("720h", 720), ("1d 12h", 36)] {
            let settings: Settings = toml::from_str(&format!("max_age = \"{text}\"")).unwrap();
            assert_eq!(settings.max_age, Duration::from_hours(hours), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["\"1 month\"", "\"-1h\"", "\"30\"", "30", "\"\""] {
            let read = toml::from_str::<Settings>(&format!("max_age = {text}"));
            assert!(read.is_err(), "{text}");
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Settings>("max_agee = \"1d\"").is_err());
    }
}
