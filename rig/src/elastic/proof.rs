//! The proof that the templates hold, on one fresh server of each flavour.
//!
//! Records of every stream, made by a real cspipe, are indexed once and then again; everything that
//! can be asked is asked and held against the records themselves.

use crate::elastic::client::Client;
use crate::elastic::records::{Record, Records, STREAMS, data_stream};
use crate::elastic::server::{Flavour, Server};
use crate::elastic::{aliases, hostile, questions, templates};
use crate::watchdog::Watchdog;
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Runs the proof as the command line says: `PATH/TO/cspipe [--flavour NAME]`.
pub fn run(arguments: &[String]) -> Result<()> {
    let (cspipe, flavours) = wanted(arguments)?;
    let watchdog = Watchdog::start()?;
    let records = Records::make(&cspipe, &watchdog)?;
    let sizes = STREAMS
        .map(|(stream, _)| format!("{} {stream}", records.of(stream).map_or(0, <[Record]>::len)));
    println!("{} records of a real cspipe: {}", records.all().count(), sizes.join(", "));
    for flavour in flavours {
        let began = Instant::now();
        let mut server = Server::start(flavour, flavour.name(), &watchdog)?;
        println!("{} {}", flavour.name(), server.version()?);
        prove(flavour, &mut server, &cspipe, &records)?;
        server.stop()?;
        println!("{}: all of it holds ({:.0?})", flavour.name(), began.elapsed());
    }
    Ok(())
}

fn wanted(arguments: &[String]) -> Result<(PathBuf, Vec<Flavour>)> {
    let usage =
        "usage: cspipe-rig elasticsearch PATH/TO/cspipe [--flavour elasticsearch|opensearch]";
    let (cspipe, flavours) = match arguments {
        [cspipe] => (cspipe, Flavour::ALL.to_vec()),
        [cspipe, flag, name] if flag == "--flavour" => {
            let flavour = Flavour::ALL.into_iter().find(|flavour| flavour.name() == name);
            (cspipe, vec![flavour.context(usage)?])
        }
        _ => bail!(usage),
    };
    Ok((fs::canonicalize(cspipe).with_context(|| cspipe.clone())?, flavours))
}

fn prove(
    flavour: Flavour,
    server: &mut Server<'_>,
    cspipe: &Path,
    records: &Records,
) -> Result<()> {
    let client = server.client();
    templates::install(&client, flavour)?;
    set_up(&client, flavour, cspipe, &server.url())?;
    println!("  templates by hand and by `cspipe index --setup`: the same");

    for (stream, dataset) in STREAMS {
        let count = index(&client, &data_stream(dataset, NAMESPACE), records.of(stream)?)?;
        println!(
            "  {stream:<9} {count:>5} taken, none refused, repeats 409, read back as they were"
        );
    }
    if flavour == Flavour::Elasticsearch {
        let settings = client.get("/logs-csp.violation-proof/_settings?flat_settings=true")?;
        let settings = settings.as_object().and_then(|indices| indices.values().next());
        let mode = settings.map(|index| &index["settings"]["index.mode"]);
        ensure!(mode.is_some_and(|mode| mode == "standard"), "index.mode is {mode:?}");
        let component = client.get("/_component_template/csp-settings")?;
        let lifecycle =
            &component["component_templates"][0]["component_template"]["template"]["lifecycle"];
        ensure!(lifecycle["data_retention"] == "30d", "{lifecycle}");
    }

    let document = fs::read_to_string("docs/elasticsearch.md").context("docs/elasticsearch.md")?;
    let questions = questions::prove(&client, &document, records)?;
    println!("  {questions} questions of docs/elasticsearch.md answered as the records say");

    let fields = templates::fields(flavour)?;
    let aliases = aliases::prove(&client, &fields, records)?;
    println!("  {aliases} ECS names grouped, found and counted as the fields they stand for");

    let hostile = hostile::prove(&client, &data_stream("csp.violation", "hostile"), &fields)?;
    println!(
        "  {} hostile records: no mapping changed, no neighbour lost, {} refused",
        hostile.sent, hostile.refused
    );

    server.restart()?;
    survive(&client, records)?;
    println!(
        "  killed and started again: all records are there; the same _id is taken only after a rollover"
    );
    Ok(())
}

/// Installs the templates a second time by cspipe's own means, which must change nothing.
fn set_up(client: &Client, flavour: Flavour, cspipe: &Path, url: &str) -> Result<()> {
    let before = installed(client, flavour)?;
    let mut command = Command::new(cspipe);
    let output = command.args(["index", "--setup", "--elasticsearch", url]).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cspipe index --setup: {said}");
    ensure!(installed(client, flavour)? == before, "cspipe index --setup installs something else");
    Ok(())
}

fn installed(client: &Client, flavour: Flavour) -> Result<Vec<Value>> {
    let without_dates = |mut value: Value| {
        for list in ["component_templates", "index_templates"] {
            let templates = value[list].as_array_mut().into_iter().flatten();
            for part in templates.filter_map(Value::as_object_mut).flatten() {
                if let Some(part) = part.1.as_object_mut() {
                    part.retain(|name, _| {
                        !name.ends_with("_date") && !name.ends_with("_date_millis")
                    });
                }
            }
        }
        value
    };
    let requests = templates::requests(flavour);
    requests.iter().map(|(path, _)| client.get(path).map(without_dates)).collect()
}

/// Indexes records, twice, and reads them back.
fn index(client: &Client, stream: &str, records: &[Record]) -> Result<usize> {
    let documents = documents(records)?;
    for (attempt, expected) in [("first", 201), ("second", 409)] {
        for batch in documents.chunks(BATCH) {
            for item in client.bulk(stream, batch)? {
                let reason = item.reason.unwrap_or_default();
                ensure!(
                    item.status == expected,
                    "the {attempt} time {} answers {} for {}: {reason:.500}",
                    stream,
                    item.status,
                    item.id
                );
            }
        }
    }
    client.refresh(stream)?;
    let kept: HashMap<String, String> = client.scroll(stream)?.into_iter().collect();
    ensure!(kept.len() == documents.len(), "{} of {} are found", kept.len(), documents.len());
    for (id, line) in &documents {
        ensure!(kept.get(id) == Some(line), "{id} is not as it was");
    }
    Ok(documents.len())
}

fn documents(records: &[Record]) -> Result<Vec<(String, String)>> {
    records.iter().map(|record| Ok((record.id()?.to_owned(), record.line.clone()))).collect()
}

/// After a kill -9 everything acknowledged is there. An id is unique within one backing index.
fn survive(client: &Client, records: &Records) -> Result<()> {
    for (stream, dataset) in STREAMS {
        let kept = client.scroll(&data_stream(dataset, NAMESPACE))?.len();
        let expected = records.of(stream)?.len();
        ensure!(kept == expected, "{stream}: {kept} of {expected} are left");
    }
    let stream = data_stream("csp.other", NAMESPACE);
    let one = &documents(records.of("other")?)?[..1];
    let repeated = client.bulk(&stream, one)?;
    ensure!(repeated[0].status == 409, "a repeat after a restart: {}", repeated[0].status);
    client.must("POST", &format!("/{stream}/_rollover"), &Value::Null)?;
    let repeated = client.bulk(&stream, one)?;
    ensure!(repeated[0].status == 201, "a repeat after a rollover: {}", repeated[0].status);
    Ok(())
}

const NAMESPACE: &str = "proof";

/// Records of one request.
const BATCH: usize = 1_000;
