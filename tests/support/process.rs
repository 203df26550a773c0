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
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::{fs, thread};
use tempfile::TempDir;

/// A folder for one test.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Writes a file and the folders above it.
pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, text).expect("a file");
}

/// The program, about to run in a folder.
pub fn cspipe(folder: &Path) -> Command {
    command(PROGRAM, folder)
}

/// The program, about to serve free ports and to store in `data`.
pub fn serve(folder: &Path) -> Command {
    let mut command = cspipe(folder);
    command.args(SERVE);
    command
}

/// A shell, about to run a script in a folder. `"$0" "$@"` is what [`serve`] runs.
pub fn shell(script: &str, folder: &Path) -> Command {
    let mut command = command("sh", folder);
    command.args(["-c", script, PROGRAM]).args(SERVE);
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

/// Runs a command that has to end well; returns what [`texts`] does.
pub fn succeed(command: &mut Command) -> (String, String) {
    let output = run(command);
    let code = output.status.code();
    let (out, errors) = texts(output);
    assert_eq!(code, Some(0), "{errors}");
    (out, errors)
}

/// A running edge. Dropping it kills it.
pub struct Edge {
    child: Running,
    pub public: SocketAddr,
    pub private: SocketAddr,
    /// What it prints after its addresses.
    pub lines: mpsc::Receiver<String>,
    log: Log,
}

impl Edge {
    /// Starts an edge in a folder, with `data` in it.
    pub fn start(folder: &Path) -> Self {
        Self::spawn(&mut serve(folder))
    }

    /// Starts an edge and waits until it has said where it listens.
    pub fn spawn(command: &mut Command) -> Self {
        Self::spawn_with_log(command, Stdio::piped())
    }

    /// The same, with standard error going where it is told; only a pipe is read here.
    pub fn spawn_with_log(command: &mut Command, log: Stdio) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = Running(command.spawn().expect("it can be run"));
        let lines = follow(child.0.stdout.take().expect("a pipe"));
        let mut log = Log::of(child.0.stderr.take());
        let mut address = |name: &str| {
            let line = lines.recv_timeout(PATIENCE).unwrap_or_default();
            let address = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(" http://"));
            let Some(address) = address else {
                let _ = child.0.kill();
                panic!("{line:?} is no {name} address\n{}", log.whole());
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
        (code, self.log.whole())
    }

    /// Sends SIGTERM and waits for an end without complaint.
    pub fn stop(self) {
        self.signal("TERM");
        let (code, log) = self.ended();
        assert_eq!(code, Some(0), "{log}");
    }
}

impl Drop for Edge {
    /// Shows what it has logged to whoever reads of the failure.
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.child.0.kill();
            eprintln!("{:?}\n{}", self.child.0.wait(), self.log.whole());
        }
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

/// Standard error, read as it comes; empty when it goes elsewhere.
struct Log(Option<thread::JoinHandle<Vec<u8>>>);

impl Log {
    fn of(pipe: Option<ChildStderr>) -> Self {
        Self(pipe.map(collect))
    }

    /// Waits for the end of it.
    fn whole(&mut self) -> String {
        let bytes = self.0.take().map(|reader| reader.join().expect("it is read"));
        String::from_utf8(bytes.unwrap_or_default()).expect("text")
    }
}

/// A child that does not outlive whoever started it.
struct Running(Child);

impl Running {
    fn wait(&mut self) -> ExitStatus {
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

fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("CSPIPE_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_LOG").env_remove("RUST_BACKTRACE").current_dir(folder);
    command
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

const PROGRAM: &str = env!("CARGO_BIN_EXE_cspipe");
const SERVE: &[&str] =
    &["serve", "--listen", "127.0.0.1:0", "--private", "127.0.0.1:0", "--data", "data"];
