//! A whole edge on free ports, and clients that write requests byte by byte.
//!
//! Everything is real, put together as the program does it. What ends in memory has the pipeline
//! of [`Bench`]; what ends in a store has a data directory of its own. Waiting is always for
//! something to happen, with [`PATIENCE`] for when it does not.

use super::{Bench, stages};
use arc_swap::ArcSwap;
use cspipe::filter::RuleSet;
use cspipe::http::{self, Metrics, Private, Server, Settings};
use cspipe::pipeline::{self, Pipeline};
use cspipe::publish::Sink;
use cspipe::reload::{self, Reloader};
use cspipe::report::Batch;
use cspipe::store::{self, Store};
use prometheus::{Registry, TextEncoder};
use rusqlite::{Connection, OpenFlags};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A report without which nothing can be said to have been taken.
pub const REPORT: &str = r#"{"csp-report":{"document-uri":"https://shop.example/cart","effective-directive":"script-src-elem","blocked-uri":"https://cdn.example.net/x.js"}}"#;

/// How long is waited for what must happen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A running edge. Dropping it stops it without waiting.
pub struct Edge {
    server: Option<Server>,
    pub public: SocketAddr,
    pub private: SocketAddr,
    pub pipeline: Arc<Pipeline>,
    /// What was published, where it ends in memory.
    batches: Arc<Mutex<Vec<Batch>>>,
    registry: Registry,
    store: Option<Store>,
    data: Option<TempDir>,
    /// Absent where it ends in memory.
    pub reloader: Option<Arc<Reloader>>,
}

/// Settings with free ports and short times.
pub fn settings() -> Settings {
    Settings {
        listen: "127.0.0.1:0".parse().expect("an address"),
        private: "127.0.0.1:0".parse().expect("an address"),
        threads: 2,
        head_timeout: Duration::from_millis(700),
        body_timeout: Duration::from_millis(500),
        ..Settings::default()
    }
}

/// Settings under which nothing is cut off, however slow the machine.
pub fn patient() -> Settings {
    Settings { head_timeout: PATIENCE, body_timeout: PATIENCE, ..settings() }
}

impl Edge {
    /// An edge whose records end in memory.
    pub fn in_memory(settings: &Settings) -> Self {
        let Bench { pipeline, batches, registry } = Bench::new();
        let pipeline = Arc::new(pipeline);
        let server = serve(settings, &pipeline, &registry, None, None);
        Self {
            public: server.public_addr(),
            private: server.private_addr(),
            server: Some(server),
            pipeline,
            batches,
            registry,
            store: None,
            data: None,
            reloader: None,
        }
    }

    /// An edge with a store, and with the shipped rules or those of a folder.
    pub fn with_store(settings: &Settings, store: &store::Settings, rules: Option<&Path>) -> Self {
        let registry = Registry::new();
        let data = tempfile::tempdir().expect("a temporary directory");
        let metrics = store::Metrics::register(&registry).expect("the names are free");
        let store = Store::open(data.path(), store, metrics).expect("a new store opens");

        let metrics = reload::Metrics::register(&registry).expect("the names are free");
        let reloader = Reloader::start(rules.map(Path::to_owned), stages(), metrics);
        let reloader = Arc::new(reloader.expect("the rules hold"));

        let pipeline = Arc::new(pipeline(&store, reloader.rules(), &registry));
        let database = data.path().join("cspipe.db");
        let server =
            serve(settings, &pipeline, &registry, Some(Arc::clone(&reloader)), Some(database));
        Self {
            public: server.public_addr(),
            private: server.private_addr(),
            server: Some(server),
            pipeline,
            batches: Arc::default(),
            registry,
            store: Some(store),
            data: Some(data),
            reloader: Some(reloader),
        }
    }

    /// Sends bytes to the public address, on a connection of their own.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        exchange(&mut self.connect(), bytes)
    }

    /// Sends bytes to the private address, on a connection of their own.
    pub fn ask(&self, bytes: impl AsRef<[u8]>) -> Answer {
        exchange(&mut connect(self.private), bytes)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"))
    }

    pub fn connect(&self) -> TcpStream {
        connect(self.public)
    }

    /// What the edge counts; from its registry, so that it can be asked for after the end.
    pub fn numbers(&self) -> Numbers {
        let families = self.registry.gather();
        Numbers(TextEncoder::new().encode_to_string(&families).expect("metrics are text"))
    }

    /// How many reports were looked at, and how many were turned away.
    pub fn ends(&self) -> (u64, u64) {
        let numbers = self.numbers();
        let refused = numbers.ended("refused");
        assert_eq!(numbers.of("cspipe_reports_received_total"), numbers.of("cspipe_reports_total"));
        (numbers.of("cspipe_reports_total") - refused, refused)
    }

    /// Waits until a metric has a value.
    pub fn wait_for(&self, series: &str, is_there: impl Fn(u64) -> bool) {
        wait_until(series, || is_there(self.numbers().of(series)));
    }

    /// The records published in memory since the last call.
    pub fn records(&self) -> Vec<serde_json::Value> {
        let batches = std::mem::take(&mut *self.batches.lock().expect("not poisoned"));
        let json = |batch: &Batch| {
            let parse = |entry| serde_json::from_slice(batch.json(entry)).expect("JSON");
            batch.entries.iter().map(parse).collect::<Vec<_>>()
        };
        batches.iter().flat_map(json).collect()
    }

    /// Where the database is.
    pub fn database(&self) -> PathBuf {
        self.data.as_ref().expect("an edge with a store").path().join("cspipe.db")
    }

    /// The database as somebody else sees it.
    pub fn reader(&self) -> Reader {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let reader = Connection::open_with_flags(self.database(), flags).expect("it can be read");
        reader.busy_timeout(PATIENCE).expect("a timeout");
        Reader(reader)
    }

    /// Lets the store's writer wait until the guard is dropped; it gives up after 5 seconds.
    pub fn hold_up_the_store(&self) -> HeldUp {
        let other = Connection::open(self.database()).expect("it can be opened");
        other.busy_timeout(PATIENCE).expect("a timeout");
        other.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
        HeldUp { _lock: other }
    }

    /// Closes the store while the listeners go on.
    pub fn close_the_store(&mut self) {
        self.store.take().expect("an edge with a store").close();
    }

    /// Begins to stop, and returns once the edge has said so.
    pub fn begin_to_stop(&mut self) -> JoinHandle<()> {
        let server = self.server.take().expect("a running edge");
        let stopping = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(server.stop());
        });
        wait_until("stopping", || self.get("/readyz").body == "stopping\n");
        stopping
    }

    /// Stops, and returns when it has.
    pub fn stop(&mut self) {
        let server = self.server.take().expect("a running edge");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(server.stop());
    }
}

/// Starts a second server, which is how a port that is taken is found out.
pub fn start_another(edge: &Edge, settings: &Settings) -> Result<Server, http::StartError> {
    let registry = Registry::new();
    let metrics = Metrics::register(&registry).expect("the names are free");
    let (parts, edge_parts) = private(&registry, &edge.pipeline, None, None);
    Server::start(settings, Arc::clone(&edge.pipeline), metrics, parts, edge_parts)
}

/// What came back for one request.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// The text of `/metrics`.
pub struct Numbers(pub String);

impl Numbers {
    /// The sum over the series whose name, or name and labels, is given.
    pub fn of(&self, series: &str) -> u64 {
        let values = self.0.lines().filter_map(|line| {
            let rest = line.strip_prefix(series)?;
            let value = rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next())??;
            Some(value.parse::<u64>().expect("a whole number"))
        });
        values.sum()
    }

    /// How many reports ended so.
    pub fn ended(&self, outcome: &str) -> u64 {
        self.of(&format!("cspipe_reports_total{{outcome=\"{outcome}\"}}"))
    }

    /// A label of the only series of a metric; empty while there is none.
    pub fn label(&self, name: &str) -> String {
        let line = self.0.lines().find(|line| line.starts_with(&format!("{name}{{")));
        line.and_then(|line| line.split('"').nth(1)).unwrap_or_default().to_owned()
    }
}

/// A second connection to the database.
pub struct Reader(Connection);

impl Reader {
    pub fn number(&self, query: &str) -> i64 {
        self.0.query_row(query, [], |row| row.get(0)).expect(query)
    }

    pub fn rows(&self, view: &str) -> i64 {
        self.number(&format!("SELECT count(*) FROM {view}"))
    }

    /// A text of the only row of a view.
    pub fn only(&self, view: &str, column: &str) -> String {
        assert_eq!(self.rows(view), 1, "{view}");
        let query = format!("SELECT {column} FROM {view}");
        self.0.query_row(&query, [], |row| row.get(0)).expect(&query)
    }
}

/// The write lock of a database.
pub struct HeldUp {
    _lock: Connection,
}

/// Waits until something is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

pub fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream
}

/// Sends a request and reads its answer. Whoever refuses a body may close before it is all sent.
pub fn exchange(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) -> Answer {
    let _ = stream.write_all(bytes.as_ref());
    answer(stream)
}

pub fn post(path: &str, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A body as one chunk and the last.
pub fn chunks(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
}

/// A report with so many bytes.
pub fn padded(length: usize) -> String {
    format!("{REPORT}{}", " ".repeat(length - REPORT.len()))
}

/// Reads one answer by its length; an end before it is a panic.
pub fn answer(stream: &mut TcpStream) -> Answer {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        let count = stream.read(&mut byte).expect("an answer");
        assert_eq!(count, 1, "closed after {:?}", String::from_utf8_lossy(&head));
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("text").to_lowercase();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let length =
        header(&head, "content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).expect("the whole body");
    Answer { status, head, body: String::from_utf8(body).expect("text") }
}

/// What the other side sends until it closes or cuts.
pub fn until_closed(stream: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
    }
    String::from_utf8_lossy(&rest).into_owned()
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// A pipeline into a store, which keeps every specimen.
fn pipeline(store: &Store, rules: Arc<ArcSwap<RuleSet>>, registry: &Registry) -> Pipeline {
    let settings = pipeline::Settings {
        specimens_per_second: u32::MAX,
        edge: Some("edge-1".to_owned()),
        ..pipeline::Settings::default()
    };
    let metrics = pipeline::Metrics::register(registry, settings.max_metric_apps, &[]);
    let metrics = metrics.expect("the names are free");
    Pipeline::new(stages(), rules, Sink::Store(store.handle()), &settings, metrics)
}

fn serve(
    settings: &Settings,
    pipeline: &Arc<Pipeline>,
    registry: &Registry,
    reloader: Option<Arc<Reloader>>,
    database: Option<PathBuf>,
) -> Server {
    let metrics = Metrics::register(registry).expect("the names are free");
    let (private, edge) = private(registry, pipeline, reloader, database);
    Server::start(settings, Arc::clone(pipeline), metrics, private, edge).expect("ports are free")
}

fn private(
    registry: &Registry,
    pipeline: &Arc<Pipeline>,
    reloader: Option<Arc<Reloader>>,
    database: Option<PathBuf>,
) -> (Private, http::Edge) {
    let pipeline = Arc::clone(pipeline);
    let private =
        Private {
            registry: registry.clone(),
            ready: Arc::new(move || {
                if pipeline.is_ready() { Ok(()) } else { Err("reports cannot be stored") }
            }),
            version: "1.2.3",
            revision: "abc",
        };
    let edge = http::Edge {
        reload: Arc::new(move || match &reloader {
            Some(reloader) => {
                let rules = reloader.reload().map_err(|error| error.to_string())?;
                Ok(format!("hash {}", rules.hash()))
            }
            None => Err("no rules to read".to_owned()),
        }),
        database,
    };
    (private, edge)
}
