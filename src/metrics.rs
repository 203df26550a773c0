//! The registry, and what is known of the process as a whole.
//!
//! Every component registers its own metrics into the registry that it is handed; see the
//! `Metrics` beside each.

use prometheus::core::Collector;
use prometheus::{IntGaugeVec, Opts, Registry};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The revision that it was built from.
pub const REVISION: &str = env!("CSPIPE_REVISION");

/// Makes a registry that says which build this is.
///
/// # Errors
///
/// When the name is taken, which it is not in a new registry.
pub fn registry() -> Result<Registry, prometheus::Error> {
    let registry = Registry::new();
    let info = IntGaugeVec::new(
        Opts::new("cspipe_build_info", "Which build this is; always 1."),
        &["version", "revision"],
    )?;
    register(&registry, info)?.with_label_values(&[VERSION, REVISION]).set(1);
    Ok(registry)
}

/// Registers a metric, and hands it back.
pub(crate) fn register<C>(registry: &Registry, collector: C) -> Result<C, prometheus::Error>
where
    C: Collector + Clone + 'static,
{
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
