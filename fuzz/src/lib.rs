//! What the targets need: the stages with their defaults, the shipped rules, and a delivery.
//!
//! Everything is made once; a target that makes it anew for each input finds little.

use cspipe::filter::{self, RuleSet};
use cspipe::pipeline::{self, Stages};
use cspipe::report::Delivery;
use cspipe::{derive, normalize, proof};
use jiff::Timestamp;
use std::sync::{Arc, LazyLock};

/// The stages with their defaults.
pub fn stages() -> &'static Arc<Stages> {
    static STAGES: LazyLock<Arc<Stages>> = LazyLock::new(|| {
        let normalize = normalize::Settings::default();
        let derive = derive::Settings::default();
        let stages = Stages::new(&pipeline::Settings::default(), &normalize, &derive);
        Arc::new(stages.expect("the built-in list loads"))
    });
    &STAGES
}

/// The shipped rules.
pub fn rules() -> &'static RuleSet {
    static RULES: LazyLock<RuleSet> =
        LazyLock::new(|| proof::prove(&filter::shipped(), stages()).expect("the rules hold"));
    &RULES
}

/// A delivery with nothing but a query.
pub fn delivery(query: Option<&str>) -> Delivery<'_> {
    Delivery {
        received_at: Timestamp::UNIX_EPOCH,
        app: None,
        query,
        user_agent: None,
        content_type: None,
    }
}
