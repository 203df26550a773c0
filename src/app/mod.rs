//! The edge as a process: built from settings, run until told to stop.
//!
//! In: settings. Out: an exit. Everything is put together here and nowhere else, in the order of
//! the data's way backwards: the store before the pipeline that writes to it, the listeners last.

mod index;
mod signals;

pub use index::index;

use crate::http::{self, Private, Server};
use crate::metrics::{REVISION, VERSION, registry};
use crate::pipeline::{self, Pipeline, Stages};
use crate::publish::Sink;
use crate::publish::kafka::{self, Kafka};
use crate::reload::{self, LoadError, Reloader};
use crate::settings::Settings;
use crate::store::spool::{self, Spool};
use crate::store::{self, Store};
use anyhow::Context;
use prometheus::Registry;
use signals::Signals;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why the edge does not run.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The settings or the rules are wrong.
    #[error("{0}")]
    Wrong(String),
    /// A port or the data directory cannot be had.
    #[error("{0}")]
    Unavailable(String),
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

/// Runs the edge until SIGTERM or SIGINT.
///
/// # Errors
///
/// When it cannot start. Once it listens it ends only by a signal.
pub fn serve(settings: &Settings) -> Result<(), AppError> {
    let registry = registry().context("registering metrics")?;
    let stages = Arc::new(stages(settings)?);
    let folder = settings.filters_folder();
    let reloader = Arc::new(
        Reloader::start(
            folder,
            stages.clone(),
            reload::Metrics::register(&registry).context("registering metrics")?,
        )
        .map_err(|error| wrong_rules(&error))?,
    );
    // Kept until the end: dropping it ends the watch.
    let _watch = reloader.watch().unwrap_or_else(|error| {
        tracing::warn!("the rules are not watched; use SIGHUP or POST /reload: {error}");
        None
    });

    let rules = reloader.rules();
    let in_force = rules.load_full();
    tracing::info!(
        rules = in_force.rules().len(),
        hash = in_force.hash(),
        from = in_force.origin(),
        "rules in force"
    );

    let ground = Ground::open(settings, &registry)?;
    let pipeline = Arc::new(Pipeline::new(
        stages,
        rules,
        ground.sink(),
        &settings.pipeline,
        pipeline::Metrics::register(
            &registry,
            settings.pipeline.max_metric_apps,
            &settings.http.apps.known,
        )
        .context("registering metrics")?,
    ));

    let ready = pipeline.clone();
    let reload = reloader.clone();
    let server = Server::start(
        &settings.http,
        pipeline,
        http::Metrics::register(&registry).context("registering metrics")?,
        Private {
            registry,
            ready: Arc::new(move || {
                // It says nothing about Kafka, whose outage the spool bridges.
                if ready.is_ready() { Ok(()) } else { Err("reports cannot be stored") }
            }),
            version: VERSION,
            revision: REVISION,
        },
        http::Edge {
            reload: Arc::new(move || match reload.reload() {
                Ok(rules) => {
                    Ok(format!("{} rules in force, hash {}", rules.rules().len(), rules.hash()))
                }
                Err(error) => Err(error.to_string()),
            }),
            database: ground.database(settings),
        },
    )
    .map_err(|error| {
        AppError::Unavailable(format!("{error}; --listen and --private choose other addresses"))
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("starting the runtime")?;
    // Before the addresses are told: whoever reads them may send a signal at once.
    let mut signals = {
        let _entered = runtime.enter();
        Signals::listen().context("waiting for signals")?
    };

    let (public, private) = (server.public_addr(), server.private_addr());
    // Scripts wait for the first two lines, and may stop reading then; the rest is for people.
    let _ = writeln!(
        std::io::stdout(),
        "public http://{public}\nprivate http://{private}\ntry http://{private}/demo\nlook {}",
        ground.look(settings)
    );

    let hurry = ground.hurry();
    runtime.block_on(async {
        signals
            .told_to_end(|| {
                let reloader = Arc::clone(&reloader);
                // It reads files and runs examples; what came of it is in the log.
                tokio::task::spawn_blocking(move || drop(reloader.reload()));
            })
            .await;
        tracing::info!("stopping: answering what has been asked");
        let told = Instant::now();
        tokio::select! {
            () = server.stop() => {}
            () = signals.told_to_hurry() => hurry(),
        }
        let closed = tokio::task::spawn_blocking(move || ground.close(told));
        tokio::select! {
            _ = closed => {}
            // It ends all the sooner, and is waited for.
            () = signals.told_to_hurry() => hurry(),
        }
    });
    // Waits for what still closes.
    drop(runtime);
    tracing::info!("stopped");
    Ok(())
}

/// Where records become durable: what the settings chose.
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Ground {
    Store(Store),
    Kafka { kafka: Kafka, spool: Spool, spooled: spool::Metrics },
}

impl Ground {
    fn open(settings: &Settings, registry: &Registry) -> Result<Self, AppError> {
        let data = &settings.data.0;
        let unavailable = |error: store::OpenError| AppError::Unavailable(error.to_string());
        let Some(brokers) = &settings.kafka.brokers else {
            let metrics = store::Metrics::register(registry).context("registering metrics")?;
            return Store::open(data, &settings.store, metrics)
                .map(Self::Store)
                .map_err(unavailable);
        };
        let metrics = spool::Metrics::register(registry).context("registering metrics")?;
        let spooled = metrics.clone();
        let spool = Spool::open(data, &settings.spool, &settings.store, metrics);
        let spool = spool.map_err(unavailable)?;
        let kafka = Kafka::start(
            &settings.kafka,
            &settings.spool,
            &settings.pipeline.edge_name(),
            spool.handle(),
            kafka::Metrics::register(registry).context("registering metrics")?,
        )
        .map_err(|error| AppError::Wrong(error.to_string()))?;
        tracing::info!(brokers, "records go to Kafka at {brokers}");
        Ok(Self::Kafka { kafka, spool, spooled })
    }

    fn sink(&self) -> Sink {
        match self {
            Self::Store(store) => Sink::Store(store.handle()),
            Self::Kafka { kafka, .. } => Sink::Kafka(kafka.handle()),
        }
    }

    /// The database in which records can be looked up.
    fn database(&self, settings: &Settings) -> Option<PathBuf> {
        match self {
            Self::Store(_) => Some(settings.data.0.join("cspipe.db")),
            Self::Kafka { .. } => None,
        }
    }

    /// A command that shows what has come in.
    fn look(&self, settings: &Settings) -> String {
        match self {
            Self::Store(_) => {
                format!("sqlite3 {} \"{LOOK}\"", settings.data.0.join("cspipe.db").display())
            }
            Self::Kafka { .. } => format!(
                "kcat -C -q -e -b {} -t {}",
                settings.kafka.brokers.as_deref().unwrap_or_default(),
                settings.kafka.topics.clean
            ),
        }
    }

    /// What ends [`Ground::close`] early.
    fn hurry(&self) -> Box<dyn Fn()> {
        match self {
            Self::Store(_) => Box::new(|| {}),
            Self::Kafka { kafka, .. } => Box::new(kafka.hurry()),
        }
    }

    /// Makes durable what is still under way, and closes.
    fn close(self, told: Instant) {
        match self {
            // Commits what is queued, which by now is nothing that anybody waits for.
            Self::Store(store) => store.close(),
            Self::Kafka { kafka, spool, spooled } => {
                kafka.stop(KAFKA_PATIENCE.min(LIMIT.saturating_sub(told.elapsed())));
                spool.close();
                let records = spooled.records();
                if records > 0 {
                    tracing::warn!(
                        records,
                        "{records} records wait in the spool: for the next start on this data \
                         directory, or for `cspipe spool drain`"
                    );
                }
            }
        }
    }
}

/// Empties the spool of a data directory into Kafka, as fast as Kafka takes it.
///
/// For an edge that will not be started again. `show` is told now and then how many records are
/// left. Ends when none are, or when Kafka has taken none for so long.
///
/// # Errors
///
/// When an edge has the spool, or the settings are wrong.
pub fn drain(
    settings: &Settings,
    patience: Duration,
    mut show: impl FnMut(u64),
) -> Result<(), AppError> {
    let registry = registry().context("registering metrics")?;
    let metrics = spool::Metrics::register(&registry).context("registering metrics")?;
    let spool = Spool::open(&settings.data.0, &settings.spool, &settings.store, metrics.clone())
        .map_err(|error| AppError::Unavailable(error.to_string()))?;
    if metrics.is_damaged() || !spool.handle().is_ready() {
        return Err(AppError::Unavailable(format!(
            "{}: the spool was damaged and set aside, or its disk is full; see `cspipe spool`",
            settings.data.0.display()
        )));
    }
    // Nothing else is under way that it could hold up.
    let pace = spool::Settings { drain_floor: u32::MAX, ..settings.spool.clone() };
    let kafka = Kafka::start(
        &settings.kafka,
        &pace,
        &settings.pipeline.edge_name(),
        spool.handle(),
        kafka::Metrics::register(&registry).context("registering metrics")?,
    )
    .map_err(|error| AppError::Wrong(error.to_string()))?;
    let mut left = metrics.records();
    let mut moved = Instant::now();
    while left > 0 && moved.elapsed() < patience {
        show(left);
        std::thread::sleep(Duration::from_millis(50));
        let now = metrics.records();
        if now < left {
            moved = Instant::now();
        }
        left = now;
    }
    show(left);
    kafka.stop(Duration::ZERO);
    spool.close();
    if metrics.is_damaged() {
        let message = "the spool was damaged and set aside before it was empty; see `cspipe spool`";
        return Err(AppError::Unavailable(message.to_owned()));
    }
    Ok(())
}

/// How long Kafka may take to acknowledge what it was sent, before it is taken back.
const KAFKA_PATIENCE: Duration = Duration::from_secs(8);

/// How long after the signal Kafka is still waited for: taking back and closing must be done
/// within 25 s, as Kubernetes kills after 30.
const LIMIT: Duration = Duration::from_secs(20);

/// A first look at what has come in.
const LOOK: &str = "SELECT timestamp, app_name, classification, violation_type, blocked_uri \
                    FROM clean ORDER BY timestamp DESC LIMIT 10";

/// The stages as the settings want them.
///
/// # Errors
///
/// When a file that the settings name cannot be used.
pub fn stages(settings: &Settings) -> Result<Stages, AppError> {
    Stages::new(&settings.pipeline, &settings.normalize, &settings.derive)
        .map_err(|error| AppError::Wrong(error.to_string()))
}

/// Whoever starts the edge sees where the rules are wrong.
fn wrong_rules(error: &LoadError) -> AppError {
    AppError::Wrong(error.told())
}
