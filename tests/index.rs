//! `cspipe index` between a Kafka and an Elasticsearch that are made to fail: every record is
//! indexed once, or in the rejected topic with the reason.

mod support;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaRespErr;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::edge::{Answer, Numbers, PATIENCE, connect, exchange, wait_until};
use support::elasticsearch::{Elasticsearch, Turn};
use support::kafka::Cluster;
use support::process::{cspipe, folder, run, texts};

const CLEAN: &str = "logs-csp.violation-default";

#[test]
fn every_stream_has_its_data_stream_and_what_is_committed_is_not_read_again() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    for topic in ["csp.clean", "csp.filtered", "csp.rejected", "csp.other"] {
        produce(&cluster, topic, &[record(topic)]);
    }
    produce(&cluster, "csp.clean", &["{\n\"id\": \"spread\",\n\"a\": \"1\\n2\"\n}".to_owned()]);
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    for (index, topic) in [
        (CLEAN, "csp.clean"),
        ("logs-csp.filtered-default", "csp.filtered"),
        ("logs-csp.rejected-default", "csp.rejected"),
        ("logs-csp.other-default", "csp.other"),
    ] {
        wait_until(index, || server.documents(index).get(topic) == Some(&record(topic)));
    }
    wait_until("the spread one", || server.documents(CLEAN).len() == 2);
    wait_until("readiness", || indexer.get("/readyz").status == 200);
    assert_eq!(indexer.get("/healthz").status, 200);
    assert_eq!(indexer.get("/demo").status, 404);
    assert_eq!(indexer.get("/reload").status, 404);
    wait_until("no lag", || {
        let numbers = indexer.numbers();
        let lags = numbers.0.lines().filter(|line| line.starts_with("cspipe_index_lag_records{"));
        // One for each partition of each topic.
        lags.count() == 12 && numbers.of("cspipe_index_lag_records") == 0
    });
    assert!(indexer.numbers().of("cspipe_index_commits_total") > 0);
    indexer.stop();

    let before = server.bulks().len();
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    // It reloads an edge, and must not end an indexer.
    indexer.signal("HUP");
    produce(&cluster, "csp.clean", &[record("new")]);
    wait_until("the new one", || server.documents(CLEAN).contains_key("new"));
    assert_eq!(server.bulks()[before..], [["new"]]);
    let name = "cspipe_index_records_total{outcome=\"indexed\",stream=\"clean\"}";
    wait_until("its count", || indexer.numbers().of(name) == 1);
    let log = indexer.stop();
    assert!(log.contains("SIGHUP: an indexer has nothing to read again"), "{log}");
}

#[test]
fn whatever_passes_holds_back_and_loses_nothing() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    let whole = |status: u16| Turn::Whole(status, String::new());
    server.then([429, 503, 500, 502, 408, 401, 403, 404, 302].map(whole));
    server.then([
        Turn::Whole(400, "<html>".to_owned()),
        Turn::Whole(200, "{}".to_owned()),
        Turn::Whole(200, "<html>".to_owned()),
        Turn::TakenAndReset,
    ]);
    let records: Vec<_> = (0..50).map(|number| record(&format!("r{number}"))).collect();
    produce(&cluster, "csp.clean", &records);
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    wait_until("all records", || {
        indexer.numbers().of("cspipe_index_records_total{outcome=\"duplicate\",stream=\"clean\"}")
            == 50
    });
    assert_eq!(server.documents(CLEAN).len(), 50);
    let numbers = indexer.numbers();
    for (cause, times) in
        [("throttled", 1), ("server_error", 6), ("unreachable", 1), ("configuration", 5)]
    {
        let name = format!("cspipe_index_retries_total{{cause=\"{cause}\"}}");
        assert_eq!(numbers.of(&name), times, "{cause}");
    }
    assert_eq!(numbers.of("cspipe_index_held"), 0);
    let log = indexer.stop();
    assert!(log.contains("takes nothing of clean"), "{log}");
    assert!(log.contains("takes clean again after"), "{log}");
    assert!(cluster.read_of(&["csp.rejected"]).is_empty());
}

#[test]
fn only_what_was_not_taken_is_sent_again() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    server.then([
        Turn::Some("b", 429, "es_rejected_execution_exception"),
        Turn::Some("b", 403, "cluster_block_exception"),
    ]);
    produce(&cluster, "csp.clean", &["a", "bb", "c", "bbb"].map(record));
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    wait_until("all records", || server.documents(CLEAN).len() == 4);
    let bulks = server.bulks();
    assert_eq!(bulks.len(), 3, "{bulks:?}");
    let sorted = |bulk: &[String]| {
        let mut bulk = bulk.to_vec();
        bulk.sort();
        bulk
    };
    assert_eq!(sorted(&bulks[0]), ["a", "bb", "bbb", "c"]);
    assert_eq!(sorted(&bulks[1]), ["bb", "bbb"]);
    assert_eq!(sorted(&bulks[2]), ["bb", "bbb"]);
    indexer.stop();
}

#[test]
fn what_is_refused_goes_to_the_rejected_topic_and_takes_nobody_along() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    server.refuse(CLEAN, "bad");
    let named = "019aa2c0-0000-7000-8000-00000000beef";
    let bad = json!({"id": named, "app_name": "shop", "edge": "e-1", "a": "bad"}).to_string();
    let unfit = ["", "[]", "{\"id\":7}", "{\"id\":\"x\"", "{\"id\":\"x\",\"a\":\"\n\"}"];
    let mut records: Vec<_> = (0..20).map(|number| record(&format!("good{number}"))).collect();
    records.insert(10, bad.clone());
    records.extend(unfit.map(str::to_owned));
    produce(&cluster, "csp.clean", &records);
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    wait_until("the good ones", || server.documents(CLEAN).len() == 20);
    let read = cluster.read(records.len() + 1 + unfit.len());
    let specimens: Vec<_> = read.iter().filter(|read| read.topic == "csp.rejected").collect();
    assert_eq!(specimens.len(), 1 + unfit.len());
    assert!(specimens.iter().all(|read| read.text("reason") == "refused_by_elasticsearch"));
    let specimen = specimens.iter().find(|read| read.text("id") == named).expect("the bad one");
    assert_eq!(specimen.text("body"), bad);
    assert_eq!((specimen.text("app_name"), specimen.text("edge")), ("shop".into(), "e-1".into()));
    let detail = specimen.text("detail");
    assert!(
        detail.starts_with("document_parsing_exception: told so (topic csp.clean, "),
        "{detail}"
    );
    assert_eq!(specimen.headers["id"], named);
    assert_valid(&specimens.iter().map(|read| read.json()).collect::<Vec<_>>());

    wait_until("the specimens in their data stream", || {
        server.documents("logs-csp.rejected-default").len() == specimens.len()
    });
    let numbers = indexer.numbers();
    let refused = numbers.of("cspipe_index_records_total{outcome=\"refused\",stream=\"clean\"}");
    assert_eq!(refused, 1 + unfit.len() as u64);
    indexer.stop();
}

#[test]
fn a_refusal_that_is_refused_does_not_circle() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    server.refuse("logs-csp.rejected-default", "\"id\"");
    produce(&cluster, "csp.clean", &["no JSON".to_owned(), record("good")]);
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    wait_until("the end of the refusal", || {
        indexer.numbers().of("cspipe_index_records_total{outcome=\"refused\",stream=\"rejected\"}")
            == 1
    });
    wait_until("the good one", || server.documents(CLEAN).contains_key("good"));
    assert_eq!(cluster.read_of(&["csp.rejected"]).len(), 1);
    let log = indexer.stop();
    assert!(log.contains("passed over: Elasticsearch refuses what was rejected already: topic csp.rejected, partition "), "{log}");
}

#[test]
fn what_is_too_large_is_split_and_a_culprit_is_found() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    server.take_at_most(2000);
    let mut records: Vec<_> = (0..60).map(|number| record(&format!("r{number}"))).collect();
    let huge = json!({"id": "huge", "a": "x".repeat(5000)}).to_string();
    records.insert(30, huge);
    produce(&cluster, "csp.clean", &records);
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    wait_until("the small ones", || server.documents(CLEAN).len() == 60);
    let specimens = || cluster.read_of(&["csp.rejected"]);
    wait_until("the large one", || specimens().len() == 1);
    assert!(specimens()[0].text("detail").contains("larger than Elasticsearch takes"));

    // All of a request is refused, until the one it is about is alone.
    server.refuse_all_with("\"s2\"");
    produce(&cluster, "csp.clean", &["s1", "s2", "s3"].map(record));
    wait_until("its specimen", || specimens().len() == 2);
    let is_of_s2 = |body: String| body == record("s2");
    assert_eq!(specimens().iter().filter(|read| is_of_s2(read.text("body"))).count(), 1);
    wait_until("the others", || {
        let documents = server.documents(CLEAN);
        ["s1", "s3"].iter().all(|id| documents.contains_key(*id))
    });
    assert_eq!(server.documents(CLEAN).len(), 62);
    indexer.stop();
}

#[test]
fn an_answer_that_is_too_large_is_asked_for_in_parts() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    server.then([Turn::Whole(200, " ".repeat(65 << 20))]);
    produce(&cluster, "csp.clean", &["a", "b"].map(record));
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    wait_until("both", || server.documents(CLEAN).len() == 2);
    let mut bulks = server.bulks();
    // The halves are under way together.
    bulks.sort();
    assert_eq!(bulks, [vec!["a"], vec!["a", "b"], vec!["b"]]);
    indexer.stop();
}

#[test]
fn kill_9_before_a_commit_loses_nothing_and_makes_nothing_twice() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    let records: Vec<_> = (0..100).map(|number| record(&format!("r{number}"))).collect();
    produce(&cluster, "csp.clean", &records);
    let mut late = command(folder.path(), &cluster, &server);
    let indexer = Indexer::spawn(late.env("CSPIPE_INDEX__COMMIT_INTERVAL", "1h"));
    wait_until("all records", || server.documents(CLEAN).len() == 100);
    indexer.kill();
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    let duplicates = "cspipe_index_records_total{outcome=\"duplicate\",stream=\"clean\"}";
    wait_until("all of them again", || indexer.numbers().of(duplicates) == 100);
    assert_eq!(server.documents(CLEAN).len(), 100);
    indexer.stop();
}

#[test]
fn partitions_that_go_while_paused_and_come_back_are_read() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    let topics = [
        ("csp.clean", CLEAN),
        ("csp.filtered", "logs-csp.filtered-default"),
        ("csp.rejected", "logs-csp.rejected-default"),
        ("csp.other", "logs-csp.other-default"),
    ];
    let fill = |round: &str, records: usize| {
        for (topic, _) in topics {
            for partition in 0..3 {
                let long = |number| {
                    let id = format!("{round}-{partition}-{number}");
                    json!({"id": id, "a": "x".repeat(1000)}).to_string()
                };
                produce_to(&cluster, topic, partition, &(0..records).map(long).collect::<Vec<_>>());
            }
        }
    };
    let are_there =
        |records: usize| topics.iter().all(|(_, index)| server.documents(index).len() == records);
    let small = || Indexer::spawn(&mut small(folder.path(), &cluster, &server));
    let partitions =
        |indexer: &Indexer| indexer.numbers().0.matches("cspipe_index_lag_records{").count();

    server.be_away(true);
    fill("first", 60);
    let stays = small();
    wait_until("all partitions", || partitions(&stays) == 12);
    wait_until("a full memory", || stays.numbers().of("cspipe_index_in_flight_bytes") > 60_000);
    // The one that comes waits for its share for seconds: what is full is paused long before.
    let goes = small();
    wait_until("a share", || partitions(&goes) == 6);
    server.be_away(false);
    wait_until("the first round", || are_there(180));
    goes.stop();
    wait_until("all partitions again", || partitions(&stays) == 12);
    fill("second", 1);
    wait_until("the second round", || are_there(183));
    stays.stop();
}

#[test]
fn a_partition_that_cannot_be_committed_is_named_and_holds_up_no_other() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    // The commit of all that is there, and then of the first by itself.
    cluster.fail_commit(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 2);
    for topic in ["csp.clean", "csp.filtered", "csp.other"] {
        produce(&cluster, topic, &[record(topic)]);
    }
    let indexer = Indexer::start(folder.path(), &cluster, &server);
    wait_until("commits", || indexer.numbers().of("cspipe_index_commits_total") > 0);
    wait_until("no lag", || {
        let numbers = indexer.numbers();
        numbers.0.matches("cspipe_index_lag_records{").count() == 12
            && numbers.of("cspipe_index_lag_records") == 0
    });
    let log = indexer.stop();
    assert!(log.contains("/0 could not be committed, and is tried again: "), "{log}");
}

#[test]
fn what_kafka_deletes_before_it_is_indexed_is_counted() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    let indexer = Indexer::spawn(&mut small(folder.path(), &cluster, &server));
    produce(&cluster, "csp.clean", &[record("first")]);
    wait_until("a commit", || indexer.numbers().of("cspipe_index_commits_total") > 0);
    server.be_away(true);
    // The mock keeps 5 MiB of a partition.
    let large = |number| json!({"id": format!("r{number}"), "a": "x".repeat(10_000)}).to_string();
    produce(&cluster, "csp.clean", &(0..1000).map(large).collect::<Vec<_>>());
    let expired = "cspipe_index_expired_records_total{topic=\"csp.clean\"}";
    wait_until("the count", || indexer.numbers().of(expired) > 0);
    server.be_away(false);
    wait_until("the last one", || server.documents(CLEAN).contains_key("r999"));
    wait_until("no lag", || indexer.numbers().of("cspipe_index_lag_records") == 0);
    let documents = server.documents(CLEAN).len() as u64;
    assert_eq!(documents + indexer.numbers().of(expired), 1001);
    let before = indexer.numbers().of(expired);
    let log = indexer.stop();
    let told = "records of csp.clean/0 were deleted by Kafka's retention before";
    assert!(log.contains(told), "{log}");

    // And while no indexer is there.
    let late = |number| large(number).replace("\"r", "\"late");
    produce(&cluster, "csp.clean", &(0..1000).map(late).collect::<Vec<_>>());
    let mut slow = small(folder.path(), &cluster, &server);
    let indexer = Indexer::spawn(slow.env("CSPIPE_INDEX__COMMIT_INTERVAL", "3s"));
    wait_until("the last one", || server.documents(CLEAN).contains_key("late999"));
    wait_until("the count", || indexer.numbers().of(expired) > 0);
    wait_until("no lag", || {
        let commits = indexer.numbers().of("cspipe_index_commits_total");
        commits > 0 && indexer.numbers().of("cspipe_index_lag_records") == 0
    });
    let documents = server.documents(CLEAN).len() as u64;
    assert_eq!(documents + before + indexer.numbers().of(expired), 2001);
    assert!(indexer.stop().contains(told));
}

#[test]
fn it_starts_without_either_and_tells_so() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    produce(&cluster, "csp.clean", &[record("early")]);
    cluster.down();
    let mut away = command(folder.path(), &cluster, &server);
    let indexer = Indexer::spawn(away.env("CSPIPE_ELASTICSEARCH", "http://127.0.0.1:1"));
    assert_eq!(indexer.get("/healthz").status, 200);
    let readiness = indexer.get("/readyz");
    assert_eq!((readiness.status, &*readiness.body), (503, "not in the consumer group yet\n"));
    cluster.up();
    wait_until("the held record", || indexer.numbers().of("cspipe_index_held") == 1);
    assert_eq!(indexer.get("/readyz").body, "Elasticsearch does not answer\n");
    indexer.stop();
    assert!(server.heard().is_empty());
}

#[test]
fn addresses_take_turns_and_one_that_is_down_is_passed_over() {
    let (folder, cluster, server) = (folder(), Cluster::start(1), Elasticsearch::start());
    let mut both = command(folder.path(), &cluster, &server);
    both.env("CSPIPE_ELASTICSEARCH", format!("http://127.0.0.1:1, {}/es", server.url()));
    both.env("CSPIPE_INDEX__API_KEY", "a2V5");
    let indexer = Indexer::spawn(&mut both);
    produce(&cluster, "csp.clean", &["a", "b"].map(record));
    wait_until("a request", || server.heard().iter().any(|heard| heard.path.contains("_bulk")));
    let heard = server.heard();
    assert!(heard.iter().all(|heard| heard.path.starts_with("/es/")), "{heard:?}");
    assert!(heard.iter().all(|heard| heard.authorization.as_deref() == Some("ApiKey a2V5")));
    let log = indexer.stop();
    assert!(!log.contains("a2V5"), "{log}");
}

#[test]
fn setup_installs_what_the_server_knows() {
    let (folder, server) = (folder(), Elasticsearch::start());
    let set_up = || {
        let mut setup = cspipe(folder.path());
        setup.args(["index", "--setup", "--elasticsearch", &server.url()]);
        let output = run(&mut setup);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        texts(output).0
    };
    let told = set_up();
    assert!(
        told.starts_with("Elasticsearch 9.5.3\ncomponent template csp-fields: installed\n"),
        "{told}"
    );
    assert!(told.contains("data stream logs-csp.violation-default: made\n"), "{told}");
    assert_eq!(set_up(), told, "again");
    let puts = || server.heard().into_iter().filter(|heard| heard.method == "PUT");
    assert!(puts().any(|heard| heard.body.contains("\"lifecycle\"")));

    let before = puts().count();
    server.be_open_search();
    assert!(set_up().starts_with("OpenSearch 9.5.3\n"));
    assert!(puts().skip(before).all(|heard| !heard.body.contains("\"lifecycle\"")));
    assert!(puts().skip(before).any(|heard| heard.path == "/_index_template/csp-violation"));

    let mut nobody = cspipe(folder.path());
    nobody.args(["index", "--setup", "--wait", "0", "--elasticsearch", "http://127.0.0.1:1"]);
    let output = run(&mut nobody);
    assert_eq!(output.status.code(), Some(3));
    assert!(texts(output).1.contains("Elasticsearch is not there"));
}

#[test]
fn mistakes_are_told_with_their_keys_and_without_secrets() {
    for (name, variables, told) in [
        (
            "no brokers",
            vec![("CSPIPE_ELASTICSEARCH", "http://a")],
            "key `kafka.brokers`: not set; --kafka",
        ),
        (
            "no address",
            vec![("CSPIPE_KAFKA", "a:1")],
            "key `index.elasticsearch`: not set; --elasticsearch",
        ),
        (
            "a password in the address",
            vec![("CSPIPE_ELASTICSEARCH", "http://u:hunter2@a")],
            "key `index.elasticsearch`: no name and password in the address",
        ),
        (
            "a password of digits",
            vec![("CSPIPE_INDEX__PASSWORD", "12345")],
            "a secret that looks like a number needs quotes",
        ),
        (
            "a property that breaks commits",
            vec![
                ("CSPIPE_ELASTICSEARCH", "http://a"),
                ("CSPIPE_KAFKA__PROPERTIES__ENABLE_AUTO_COMMIT", "true"),
            ],
            "key `kafka.properties.enable.auto.commit`: not to be set",
        ),
        (
            "no file",
            vec![
                ("CSPIPE_ELASTICSEARCH", "https://a"),
                ("CSPIPE_KAFKA", "a:1"),
                ("CSPIPE_INDEX__CA_FILE", "none.pem"),
            ],
            "key `index.ca_file`: cannot read none.pem",
        ),
    ] {
        let folder = folder();
        let mut index = cspipe(folder.path());
        let output = run(index.args(["index", "--private", "127.0.0.1:0"]).envs(variables));
        assert_eq!(output.status.code(), Some(2), "{name}");
        let errors = texts(output).1;
        assert!(errors.contains(told), "{name}: {errors}");
        assert!(!errors.contains("hunter2") && !errors.contains("12345"), "{name}: {errors}");
    }
}

/// A running indexer. Dropping it kills it.
struct Indexer {
    child: Child,
    private: SocketAddr,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Indexer {
    fn start(folder: &Path, cluster: &Cluster, server: &Elasticsearch) -> Self {
        Self::spawn(&mut command(folder, cluster, server))
    }

    fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it can be run");
        let mut stderr = child.stderr.take().expect("a pipe");
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        stdout.read_line(&mut line).expect("a line");
        let Some(address) = line.trim_end().strip_prefix("private http://") else {
            let _ = child.kill();
            panic!("{line:?} is no address\n{}", log.join().unwrap_or_default());
        };
        Self { child, private: address.parse().expect("an address"), log: Some(log) }
    }

    fn get(&self, path: &str) -> Answer {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        exchange(&mut connect(self.private), request)
    }

    fn numbers(&self) -> Numbers {
        Numbers(self.get("/metrics").body)
    }

    fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("a child");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh").args(["-c", "kill -s \"$1\" \"$0\"", &id, signal]).status();
        assert!(sent.expect("a shell").success());
    }

    /// Sends SIGTERM, waits for an end without complaint, and gives the log.
    fn stop(mut self) -> String {
        self.signal("TERM");
        let mut status = None;
        wait_until("the end of the indexer", || {
            status = self.child.try_wait().expect("a child");
            status.is_some()
        });
        let log = self.log.take().expect("once").join().expect("it is read");
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
        log
    }
}

impl Drop for Indexer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking()
            && let Some(log) = self.log.take()
        {
            eprintln!("{}", log.join().unwrap_or_default());
        }
    }
}

fn command(folder: &Path, cluster: &Cluster, server: &Elasticsearch) -> Command {
    let mut command = cspipe(folder);
    command
        .args(["index", "--private", "127.0.0.1:0"])
        .env("CSPIPE_KAFKA", cluster.addresses())
        .env("CSPIPE_ELASTICSEARCH", server.url())
        .env("CSPIPE_INDEX__LINGER", "300ms")
        .env("CSPIPE_INDEX__PAUSE", "50ms")
        .env("CSPIPE_INDEX__PAUSE_MAX", "200ms")
        .env("CSPIPE_INDEX__COMMIT_INTERVAL", "200ms")
        .env("CSPIPE_KAFKA__PROPERTIES__SESSION_TIMEOUT_MS", "6000");
    command
}

/// One whose memory is full soon.
fn small(folder: &Path, cluster: &Cluster, server: &Elasticsearch) -> Command {
    let mut command = command(folder, cluster, server);
    command.env("CSPIPE_INDEX__BATCH_BYTES", "16 KiB");
    command.env("CSPIPE_INDEX__IN_FLIGHT_BYTES", "128 KiB");
    command.env("CSPIPE_INDEX__FETCH_BYTES", "2 MiB");
    command
}

fn record(id: &str) -> String {
    json!({"id": id, "stream": "clean", "path": format!("/{id}")}).to_string()
}

/// Puts values into one partition, so that they are read together.
fn produce(cluster: &Cluster, topic: &str, values: &[String]) {
    produce_to(cluster, topic, 0, values);
}

fn produce_to(cluster: &Cluster, topic: &str, partition: i32, values: &[String]) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", cluster.addresses())
        .create()
        .expect("a producer");
    for value in values {
        let record = BaseRecord::<(), String>::to(topic).payload(value).partition(partition);
        producer.send(record).map_err(|(error, _)| error).expect("room");
    }
    producer.flush(PATIENCE).expect("it is taken");
    producer.poll(Duration::ZERO);
}

fn assert_valid(records: &[Value]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/record.schema.json");
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(path).expect("a file")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    for record in records {
        if let Err(error) = schema.validate(record) {
            panic!("{error}: {record}");
        }
    }
}
