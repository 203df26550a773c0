//! What can be set about the spool.

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

/// Settings of the spool behind Kafka.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How many bytes the spool may fill. Beyond that, requests are turned away while Kafka takes
    /// nothing. The log of changes beside the database comes on top of it, a few megabytes,
    /// and so does the reserve that lets a full disk be drained: 8 MiB.
    pub max_bytes: ByteSize,
    /// How many bytes of the file system stay free: the spool takes nothing in when there would
    /// be less.
    pub min_free: ByteSize,
    /// How many times the rate of live records the spool is drained with, at most.
    pub drain_multiple: u32,
    /// How many records a second the spool may be drained with in any case.
    pub drain_floor: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_bytes: ByteSize::gib(1),
            min_free: ByteSize::mib(256),
            drain_multiple: 4,
            drain_floor: 1000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_survive_a_round_trip() {
        let text = toml::to_string(&Settings::default()).unwrap();
        assert_eq!(toml::from_str::<Settings>(&text).unwrap(), Settings::default());
        assert!(text.contains("min_free = \"256.0 MiB\""), "{text}");
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(toml::from_str::<Settings>("max_byte = \"1 GiB\"").is_err());
    }
}
