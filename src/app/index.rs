//! The indexer as a process: built from settings, run until told to stop.
//!
//! In: settings. Out: an exit. It takes no reports, and has a private listener only.

use super::AppError;
use super::signals::Signals;
use crate::http::{Private, PrivateServer};
use crate::index::{self, Indexer, StartError};
use crate::metrics::{REVISION, VERSION, registry};
use crate::settings::Settings;
use anyhow::Context;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Runs the indexer until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start, or its consumer group will never have it again.
pub fn index(settings: &Settings) -> Result<(), AppError> {
    let registry = registry().context("registering metrics")?;
    let metrics = index::Metrics::register(&registry).context("registering metrics")?;
    let name = settings.pipeline.edge_name();
    let indexer = Indexer::start(&settings.index, &settings.kafka, &name, &metrics);
    let indexer = indexer.map_err(|error| match error {
        StartError::Setting(_) | StartError::Kafka(_) => AppError::Wrong(error.to_string()),
        StartError::Thread(_) => AppError::Unavailable(error.to_string()),
    })?;
    let private = Private {
        registry,
        ready: Arc::new(indexer.readiness()),
        version: VERSION,
        revision: REVISION,
    };
    let server =
        PrivateServer::start(settings.index.private, &settings.http, private).map_err(|error| {
            AppError::Unavailable(format!("{error}; --private chooses another address"))
        })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    // Before the address is told: whoever reads it may send a signal at once.
    let mut signals = {
        let _entered = runtime.enter();
        Signals::listen().context("waiting for signals")?
    };
    let _ = writeln!(std::io::stdout(), "private http://{}", server.address());
    tracing::info!(
        group = settings.index.group,
        "records go from Kafka at {} to Elasticsearch at {}",
        settings.kafka.brokers.as_deref().unwrap_or_default(),
        settings.index.elasticsearch.as_deref().unwrap_or_default()
    );

    let failure = runtime.block_on(async {
        // It reloads an edge. Whoever sends it to both must not end this one.
        let hangup = || {
            tracing::info!(
                "SIGHUP: an indexer has nothing to read again; settings hold until it ends"
            );
        };
        let ended_by_itself = async {
            loop {
                sleep(LOOK).await;
                if let Some(why) = indexer.failure() {
                    return why;
                }
            }
        };
        let failure = tokio::select! {
            () = signals.told_to_end(hangup) => None,
            why = ended_by_itself => Some(why),
        };
        server.say_stopping();
        if failure.is_none() {
            tracing::info!("stopping: finishing what is under way");
            let stopping = tokio::task::spawn_blocking(move || indexer.stop(LIMIT));
            let is_done = tokio::select! {
                stopped = stopping => stopped.unwrap_or(false),
                () = signals.told_to_hurry() => false,
            };
            if !is_done {
                tracing::warn!(
                    "not all that was under way is committed; it is sent again by the next \
                     indexer, and found to be there"
                );
            }
        }
        server.stop().await;
        failure
    });
    // What still waits for Kafka ends with the process.
    runtime.shutdown_background();
    match failure {
        Some(why) => Err(AppError::Unavailable(why)),
        None => {
            tracing::info!("stopped");
            Ok(())
        }
    }
}

/// How long stopping may take. Kubernetes kills after 30 s.
const LIMIT: Duration = Duration::from_secs(20);

/// How often is looked whether it has ended by itself.
const LOOK: Duration = Duration::from_millis(500);
