//! A server that answers as Elasticsearch does, or as a test tells it to.
//!
//! It keeps what it was given by index and id, and remembers every request. Whatever is scripted is
//! used up by requests to `_bulk`, one each; after that it takes everything.

use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

/// What the next `_bulk` request comes to.
#[derive(Debug, Clone)]
pub enum Turn {
    /// A status for all of it, and a body.
    Whole(u16, String),
    /// Everything is taken, and the connection closed without an answer.
    TakenAndReset,
    /// The records whose texts hold this have the status, and the type of an error.
    Some(&'static str, u16, &'static str),
}

/// A request that came in.
#[derive(Debug, Clone)]
pub struct Heard {
    pub method: String,
    pub path: String,
    pub authorization: Option<String>,
    pub body: String,
}

/// The server. It ends with the process.
pub struct Elasticsearch {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    turns: VecDeque<Turn>,
    /// Held for every request, beside what is scripted.
    refuses: Option<(&'static str, &'static str)>,
    refuses_all_with: Option<&'static str>,
    is_away: bool,
    most_bytes: Option<usize>,
    heard: Vec<Heard>,
    documents: BTreeMap<(String, String), String>,
    distribution: Option<&'static str>,
}

impl Elasticsearch {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &state));
            }
        });
        Self { address, state }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Scripts what the next requests come to.
    pub fn then(&self, turns: impl IntoIterator<Item = Turn>) {
        self.state().turns.extend(turns);
    }

    /// Refuses what goes to an index and holds a text, for ever.
    pub fn refuse(&self, index: &'static str, text: &'static str) {
        self.state().refuses = Some((index, text));
    }

    /// Answers 400, as a whole, to every request that has a text in it.
    pub fn refuse_all_with(&self, text: &'static str) {
        self.state().refuses_all_with = Some(text);
    }

    /// Answers 503 to whatever is to be written, until told otherwise.
    pub fn be_away(&self, is_away: bool) {
        self.state().is_away = is_away;
    }

    /// Answers 413 to what is larger.
    pub fn take_at_most(&self, bytes: usize) {
        self.state().most_bytes = Some(bytes);
    }

    pub fn be_open_search(&self) {
        self.state().distribution = Some("opensearch");
    }

    /// The records of an index, by their ids.
    pub fn documents(&self, index: &str) -> BTreeMap<String, String> {
        let state = self.state();
        let of_index = state.documents.iter().filter(|((of, _), _)| of == index);
        of_index.map(|((_, id), record)| (id.clone(), record.clone())).collect()
    }

    pub fn heard(&self) -> Vec<Heard> {
        self.state().heard.clone()
    }

    /// The ids of each `_bulk` request.
    pub fn bulks(&self) -> Vec<Vec<String>> {
        let heard = self.heard();
        let bulks = heard.iter().filter(|heard| heard.path.contains("/_bulk"));
        bulks.map(|heard| pairs(&heard.body).map(|(id, _)| id).collect()).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
    let mut writer = stream;
    while let Some(heard) = request(&mut reader) {
        let Some((status, body)) = answer(&heard, &mut state.lock().expect("not poisoned")) else {
            return;
        };
        let head = format!(
            "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if writer.write_all((head + &body).as_bytes()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<Heard> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        match name.to_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Heard { method, path, authorization, body: String::from_utf8(body).expect("text") })
}

fn answer(heard: &Heard, state: &mut State) -> Option<(u16, String)> {
    state.heard.push(heard.clone());
    let Some((index, _)) = heard.path.trim_start_matches('/').split_once("/_bulk") else {
        let mut version = json!({"number": "9.5.3"});
        if let Some(distribution) = state.distribution {
            version["distribution"] = distribution.into();
        }
        return Some((200, json!({"version": version}).to_string()));
    };
    if state.most_bytes.is_some_and(|most| heard.body.len() > most) {
        return Some((413, "too large".to_owned()));
    }
    if state.is_away {
        return Some((503, "away".to_owned()));
    }
    if state.refuses_all_with.is_some_and(|text| heard.body.contains(text)) {
        let error = json!({"type": "x_content_parse_exception", "reason": "why"});
        return Some((400, json!({"error": error, "status": 400}).to_string()));
    }
    let turn = state.turns.pop_front();
    if let Some(Turn::Whole(status, body)) = turn {
        return Some((status, body));
    }
    let mut items = Vec::new();
    for (id, record) in pairs(&heard.body) {
        let scripted = match &turn {
            Some(Turn::Some(text, status, kind)) if record.contains(text) => Some((*status, *kind)),
            _ => state
                .refuses
                .filter(|(of, text)| *of == index && record.contains(text))
                .map(|_| (400, "document_parsing_exception")),
        };
        let key = (index.to_owned(), id);
        items.push(match scripted {
            Some((status, kind)) => {
                json!({"create": {"status": status, "error": {"type": kind, "reason": "told so"}}})
            }
            None if state.documents.contains_key(&key) => json!({"create": {"status": 409}}),
            None => {
                state.documents.insert(key, record);
                json!({"create": {"status": 201}})
            }
        });
    }
    if matches!(turn, Some(Turn::TakenAndReset)) {
        return None;
    }
    Some((200, json!({"items": items}).to_string()))
}

/// The ids and records of a body, which must be two lines each.
fn pairs(body: &str) -> impl Iterator<Item = (String, String)> {
    assert!(body.ends_with('\n'), "{body:?}");
    let lines: Vec<_> = body.lines().map(str::to_owned).collect();
    assert!(lines.len().is_multiple_of(2), "{body:?}");
    lines.chunks(2).map(<[String]>::to_vec).collect::<Vec<_>>().into_iter().map(|two| {
        let action: Value = serde_json::from_str(&two[0]).expect("an action");
        let id = action["create"]["_id"].as_str().expect("an id").to_owned();
        serde_json::from_str::<Value>(&two[1]).expect("a record");
        (id, two[1].clone())
    })
}
