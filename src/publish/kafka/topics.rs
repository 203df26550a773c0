//! Makes the topics that are missing, when that is wanted.
//!
//! On a thread of its own: the start never waits for Kafka. Tries until it is done or the process
//! is about to end.

use super::Stop;
use super::settings::Settings;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Begins to make the topics, and returns at once.
pub(super) fn create(settings: &Settings, edge: &str, stop: Arc<Stop>) -> io::Result<()> {
    let (settings, edge) = (settings.clone(), edge.to_owned());
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        let mut told = false;
        while !stop.is_asked() {
            match runtime.block_on(try_once(&settings, &edge)) {
                Ok(()) => return,
                Err(why) if told => tracing::debug!("topics are not made yet: {why}"),
                Err(why) => {
                    told = true;
                    tracing::warn!("topics are not made yet, and will be tried again: {why}");
                }
            }
            thread::sleep(PAUSE);
        }
    };
    thread::Builder::new().name("cspipe-topics".to_owned()).spawn(run).map(drop)
}

/// Makes all topics that are missing, or says why one could not be made.
async fn try_once(settings: &Settings, edge: &str) -> Result<(), String> {
    let client: AdminClient<DefaultClientContext> =
        settings.client(edge).create().map_err(|error| error.to_string())?;
    let topics = &settings.topics;
    let new: Vec<_> = topics
        .names()
        .into_iter()
        .map(|(_, name)| {
            let replication = TopicReplication::Fixed(i32::from(topics.replication));
            NewTopic::new(name, i32::from(topics.partitions), replication)
        })
        .collect();
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(10)));
    let made = client.create_topics(&new, &options).await.map_err(|error| error.to_string())?;
    let mut failed = Vec::new();
    for result in made {
        match result {
            Ok(name) => tracing::info!(topic = name, "topic {name} made"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => failed.push(format!("{name}: {code}")),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// How long after a try that failed.
const PAUSE: Duration = Duration::from_secs(2);
