//! Growing pauses while Elasticsearch takes nothing.
//!
//! In: that something was in vain, and how often. Out: how long to wait. It knows no clock, and
//! chance comes in as a number.

use std::time::Duration;

/// How long pauses are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pauses {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Pauses {
    /// The pause after so many tries in vain. `chance` takes up to a fifth away, so that many
    /// indexers do not come back in the same moment.
    pub(super) fn after(self, tries: u32, chance: u8) -> Duration {
        let doubled = 2u32.saturating_pow(tries.saturating_sub(1).min(20));
        let whole = self.first.saturating_mul(doubled).min(self.longest);
        whole.mul_f64(1.0 - f64::from(chance) / 255.0 / 5.0)
    }
}

/// A number of chance.
pub(super) fn chance() -> u8 {
    let [.., last] = uuid::Uuid::now_v7().into_bytes();
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = Pauses { first: Duration::from_secs(1), longest: Duration::from_secs(5) };
        let seconds = [1, 2, 3, 4, u32::MAX].map(|tries| pauses.after(tries, 0).as_secs());
        assert_eq!(seconds, [1, 2, 4, 5, 5]);
        assert_eq!(pauses.after(4, 255), Duration::from_secs(4));
        assert_eq!(pauses.after(0, 0), Duration::from_secs(1));
    }
}
