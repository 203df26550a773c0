//! The thread that speaks HTTP.
//!
//! In: batches, each for the data stream of its stream. Out: what came back for each, whatever it
//! is. It also asks now and then whether Elasticsearch is there, so that somebody knows before
//! there is anything to send. Nothing is judged here, and nothing is sent again.

use super::Health;
use super::answer::FILTER_PATH;
use super::client::{Client, JSON, LINES, Reply};
use super::work::{Done, Job};
use crate::report::Stream;
use bytes::Bytes;
use reqwest::Method;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::LocalSet;
use tokio::time::sleep;

/// Sends what comes in until nobody can hand anything in any more.
pub(super) fn run(
    runtime: &Runtime,
    client: Client,
    data_streams: &BTreeMap<Stream, String>,
    mut jobs: UnboundedReceiver<Job>,
    done: &Sender<Done>,
    health: &Arc<Health>,
) {
    let client = Rc::new(client);
    let paths: BTreeMap<_, Rc<str>> = data_streams
        .iter()
        .map(|(stream, name)| (*stream, format!("{name}/_bulk?filter_path={FILTER_PATH}").into()))
        .collect();
    let local = LocalSet::new();
    local.spawn_local(ask(Rc::clone(&client), Arc::clone(health)));
    local.block_on(runtime, async {
        while let Some(job) = jobs.recv().await {
            let Some(path) = paths.get(&job.stream).cloned() else { continue };
            let (client, done, health) = (Rc::clone(&client), done.clone(), Arc::clone(health));
            tokio::task::spawn_local(async move {
                let began = Instant::now();
                let result = client.send(Method::POST, &path, LINES, job.batch.body()).await;
                if let Ok(reply) = &result {
                    note(reply, &health);
                }
                // At the very end nobody hears it, and it is sent again by the next process.
                let _ = done.send(Done { job, took: began.elapsed(), result });
            });
        }
    });
}

/// Asks whether Elasticsearch is there, for as long as the process lives.
async fn ask(client: Rc<Client>, health: Arc<Health>) {
    loop {
        match client.send(Method::GET, "", JSON, Bytes::new()).await {
            Ok(reply) => note(&reply, &health),
            Err(error) => tracing::debug!("Elasticsearch does not answer: {error}"),
        }
        sleep(ASK_EVERY).await;
    }
}

/// Any answer of a server that works is a sign of life. 403 is one: a key that may only write may
/// not ask who is there.
fn note(reply: &Reply, health: &Health) {
    if reply.status < 500 && reply.status != 401 {
        health.elasticsearch_answered();
    }
}

const ASK_EVERY: Duration = Duration::from_secs(5);
