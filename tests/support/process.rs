//! The program itself, as a child process.
//!
//! Each test gives it a folder of its own to run in, and no variable of whoever runs the tests.
//! Waiting is bounded by [`PATIENCE`](super::edge::PATIENCE), and nothing that was started
//! outlives its test.

use super::edge::{self, Answer, Numbers, PATIENCE, wait_until};
use rusqlite::{Connection, OpenFlags};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

/// The program, about to run in a folder.
pub fn cspipe(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cspipe"));
    clean(&mut command, folder);
    command
}

/// The program, about to serve free ports and to store in `data`.
pub fn serve(folder: &Path) -> Command {
    let mut command = cspipe(folder);
    command.args(SERVE);
    command
}

/// The same by way of a shell that prepares the process first.
pub fn serve_after(preparation: &str, folder: &Path) -> Command {
    let mut command = Command::new("sh");
    clean(&mut command, folder);
    command.arg("-c").arg(format!("{preparation}; exec \"$0\" \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_cspipe")).args(SERVE);
    command
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Output {
    run_with_input(command, b"")
}

/// Runs a command that reads standard input to its end.
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Running(command.spawn().expect("it can be run"));
    let mut stdin = child.0.stdin.take().expect("a pipe");
    let stdout = collect(child.0.stdout.take().expect("a pipe"));
    let stderr = collect(child.0.stderr.take().expect("a pipe"));
    // What ends without reading it closes the pipe.
    let _ = stdin.write_all(input);
    drop(stdin);
    let status = child.wait();
    let [stdout, stderr] = [stdout, stderr].map(|pipe| pipe.join().expect("it is read"));
    Output { status, stdout, stderr }
}

/// What a command wrote to standard output and to standard error.
pub fn texts(output: Output) -> (String, String) {
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (text(output.stdout), text(output.stderr))
}

/// A running edge. Dropping it kills it.
pub struct Edge {
    child: Running,
    pub public: SocketAddr,
    pub private: SocketAddr,
    /// What it prints after its addresses.
    pub lines: mpsc::Receiver<String>,
    log: Arc<Mutex<String>>,
}

impl Edge {
    /// Starts an edge in a folder, with `data` in it.
    pub fn start(folder: &Path) -> Self {
        Self::spawn(&mut serve(folder))
    }

    /// Starts an edge and waits until it has said where it listens. Its standard error is read
    /// here unless the command says otherwise.
    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_with_log(command, Stdio::piped())
    }

    pub fn spawn_with_log(command: &mut Command, log: Stdio) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = Running(command.spawn().expect("it can be run"));
        let lines = follow(child.0.stdout.take().expect("a pipe"));
        let log = Arc::new(Mutex::new(String::new()));
        if let Some(stderr) = child.0.stderr.take() {
            let log = Arc::clone(&log);
            let logged = follow(stderr);
            thread::spawn(move || {
                for line in logged {
                    *log.lock().expect("not poisoned") += &(line + "\n");
                }
            });
        }
        let address = |name: &str| {
            let line = lines.recv_timeout(PATIENCE).unwrap_or_default();
            let address = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(" http://"));
            let Some(address) = address else {
                panic!("no address: {line:?}; {}", log.lock().expect("not poisoned"));
            };
            address.parse().expect("an address")
        };
        let (public, private) = (address("public"), address("private"));
        Self { child, public, private, lines, log }
    }

    /// Posts one body on a connection of its own.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        edge::exchange(&mut edge::connect(self.public), edge::post(path, body))
    }

    /// Asks the private address.
    pub fn get(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        edge::exchange(&mut edge::connect(self.private), request)
    }

    pub fn numbers(&self) -> Numbers {
        Numbers(self.get("/metrics").body)
    }

    pub fn id(&self) -> u32 {
        self.child.0.id()
    }

    /// Sends a signal by its name. The shell's own `kill` is there wherever a shell is.
    pub fn signal(&self, name: &str) {
        let id = self.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status();
        assert!(sent.expect("a shell").success(), "{name} was not sent");
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(mut self) {
        self.child.0.kill().expect("it runs");
        self.child.wait();
    }

    /// Waits for the end, which is after all was said; returns the exit code and the log.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().code();
        (code, self.log.lock().expect("not poisoned").clone())
    }

    /// Sends SIGTERM and waits for an end without complaint.
    pub fn stop(self) {
        self.signal("TERM");
        let (code, log) = self.ended();
        assert_eq!(code, Some(0), "{log}");
    }
}

/// The database of an edge in a folder, as somebody else sees it.
pub fn database(folder: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let path = folder.join("data/cspipe.db");
    let database = Connection::open_with_flags(path, flags).expect("it can be read");
    database.busy_timeout(PATIENCE).expect("a timeout");
    database
}

/// A number that a query gives.
pub fn number(folder: &Path, query: &str) -> i64 {
    database(folder).query_row(query, [], |row| row.get(0)).expect(query)
}

/// A child that does not outlive whoever started it.
struct Running(Child);

impl Running {
    fn wait(&mut self) -> std::process::ExitStatus {
        let mut status = None;
        wait_until("the end of the process", || {
            status = self.0.try_wait().expect("a child");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn clean(command: &mut Command, folder: &Path) {
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in ours.filter(|name| name.to_string_lossy().starts_with("CSPIPE_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE").current_dir(folder);
}

/// The lines of a pipe, read as they come, so that its writer never waits.
fn follow(pipe: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            // Whoever has heard enough lets the rest run into the void.
            let _ = sender.send(line);
        }
    });
    lines
}

fn collect(mut pipe: impl Read + Send + 'static) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

const SERVE: &[&str] =
    &["serve", "--listen", "127.0.0.1:0", "--private", "127.0.0.1:0", "--data", "data"];
