//! What was complained about, so that a trouble that lasts is told once in a while and not a
//! thousand times.
//!
//! In: a text for each trouble. Out: whether to tell it now. It remembers few, and knows no clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Troubles, and when each was told.
#[derive(Debug, Default)]
pub(super) struct Complaints(BTreeMap<String, Instant>);

impl Complaints {
    /// Whether a trouble was not told within the last minute. If so it counts as told now.
    pub(super) fn may_tell(&mut self, trouble: &str, now: Instant) -> bool {
        self.0.retain(|_, told| now.saturating_duration_since(*told) < TELL_AGAIN);
        // Texts with addresses or numbers in them could be any number.
        if self.0.len() >= MOST || self.0.contains_key(trouble) {
            return false;
        }
        self.0.insert(trouble.to_owned(), now);
        true
    }
}

const TELL_AGAIN: Duration = Duration::from_mins(1);

/// How many troubles are told within a minute.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_is_told_once_a_minute_and_not_too_many_are() {
        let (mut complaints, now) = (Complaints::default(), Instant::now());
        // Two that take turns do not make each other new.
        let told = ["a", "b", "a", "b"].map(|trouble| complaints.may_tell(trouble, now));
        assert_eq!(told, [true, true, false, false]);
        assert!(complaints.may_tell("a", now + TELL_AGAIN));
        let later = now + TELL_AGAIN * 3;
        let told = (0..1000).filter(|at| complaints.may_tell(&at.to_string(), later)).count();
        assert_eq!(told, MOST);
    }
}
