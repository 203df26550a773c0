//! What the rig prints: a line of a table after each scenario, what was wrong with it, and a sum.

use crate::oracle::{Judgement, Lost};
use std::time::Duration;

/// One scenario at its end.
#[derive(Default)]
pub struct Row {
    pub took: Duration,
    /// Reports that were answered with 204, and with 503.
    pub accepted: usize,
    pub refused: usize,
    /// Records that went to the spool, over all processes, as their metrics told.
    pub spooled: u64,
    pub judgement: Judgement,
    /// From when Kafka answered again until the spool was empty.
    pub recovery: Option<Duration>,
    pub slowest: Duration,
    /// Whether the numbers add up.
    pub conserved: bool,
    /// Figures that are worth printing.
    pub notes: Vec<String>,
    /// Every expectation that did not hold, in words.
    pub wrong: Vec<String>,
}

/// Prints the names of the columns.
pub fn begin() {
    println!(
        "{:<11} {:>7} {:>9} {:>8} {:>9} {:>9} {:>6} {:>9} {:>5} {:>8} {:>9} {:>9} {:>9}",
        "scenario",
        "seconds",
        "accepted",
        "refused",
        "delivered",
        "spooled",
        "left",
        "duplicate",
        "lost",
        "invented",
        "recovery",
        "slowest",
        "conserved"
    );
}

/// Prints one scenario; says whether all was well.
pub fn print(scenario: &str, row: &Row) -> bool {
    let Row { judgement, .. } = row;
    println!(
        "{:<11} {:>7.1} {:>9} {:>8} {:>9} {:>9} {:>6} {:>9} {:>5} {:>8} {:>9} {:>7}ms {:>9}",
        scenario,
        row.took.as_secs_f64(),
        row.accepted,
        row.refused,
        judgement.delivered,
        row.spooled,
        judgement.left,
        judgement.duplicates,
        judgement.lost.len(),
        judgement.invented,
        row.recovery.map_or_else(|| "-".to_owned(), |took| format!("{:.1}s", took.as_secs_f64())),
        row.slowest.as_millis(),
        if row.conserved { "yes" } else { "NO" },
    );
    for note in &row.notes {
        println!("    {note}");
    }
    for Lost { number, stream, answered } in judgement.lost.iter().take(MAX_LINES) {
        println!("    LOST: report {number} ({}), answered after {answered:.3?}", stream.name());
    }
    for wrong in judgement.wrong.iter().chain(&row.wrong) {
        println!("    WRONG: {wrong}");
    }
    judgement.lost.is_empty()
        && judgement.invented == 0
        && judgement.wrong.is_empty()
        && row.wrong.is_empty()
        && row.conserved
}

/// Enough to see what is the matter.
const MAX_LINES: usize = 20;
