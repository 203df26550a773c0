//! Defaults, file, environment, flags: in this order, the later winning.

use super::Settings;
use figment::error::{Actual, Kind};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider, providers::Env, providers::Serialized};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file that is read when it exists and no other is named.
pub const DEFAULT_FILE: &str = "config/cspipe.toml";

/// What the command line sets. Each has an environment variable of its own, read by clap.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub config: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub private: Option<SocketAddr>,
    pub data: Option<PathBuf>,
    pub filters: Option<PathBuf>,
    /// Brokers of Kafka.
    pub kafka: Option<String>,
    /// Addresses of Elasticsearch.
    pub elasticsearch: Option<String>,
    /// The private address of the indexer.
    pub index_private: Option<SocketAddr>,
}

/// Why there are no settings. One line each.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("cannot read {path}: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}:{line}: {message}")]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error(
        "environment variable {0}: no such setting; sections are written CSPIPE_HTTP__MAX_BODY"
    )]
    UnknownVariable(String),
    #[error("{source_name}: {key}{message}")]
    Invalid { source_name: String, key: String, message: String },
}

/// Loads all settings.
///
/// # Errors
///
/// When a file cannot be read, or any source has an unknown key or a value that does not fit.
pub fn load(flags: &Flags) -> Result<Settings, SettingsError> {
    let mut figment = Figment::from(Serialized::defaults(Settings::default()));
    let file = match &flags.config {
        Some(path) => Some(path.clone()),
        None => Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file()),
    };
    if let Some(path) = file {
        figment = figment.merge(TomlFile::read(&path)?);
    }
    check_variables()?;
    figment = figment
        .merge(Env::prefixed(PREFIX).filter(|key| key.as_str().contains("__")).split("__"))
        .merge(Env::raw().only(&["CSPIPE_LOG"]).map(|_| "log".into()))
        .merge(FlagValues(flags));
    let settings: Settings = figment.extract().map_err(|error| invalid(&error))?;
    // What no value alone can get wrong.
    if settings.http.max_in_flight < settings.http.max_body {
        return Err(SettingsError::Invalid {
            source_name: "settings".to_owned(),
            key: "key `http.max_in_flight`: ".to_owned(),
            message: format!("must be at least http.max_body, which is {}", settings.http.max_body),
        });
    }
    settings.kafka.check().map_err(|error| {
        let told = error.to_string();
        let (key, message) = told.split_once(": ").unwrap_or(("", &told));
        SettingsError::Invalid {
            source_name: "settings".to_owned(),
            key: format!("{key}: "),
            message: message.to_owned(),
        }
    })?;
    // The edge may run with a section `kafka` that would be wrong for an indexer.
    let checked = settings.index.check();
    let shared = match &settings.index.elasticsearch {
        Some(_) => settings.index.check_kafka(&settings.kafka),
        None => Ok(()),
    };
    checked.and(shared).map_err(|error| SettingsError::Invalid {
        source_name: "settings".to_owned(),
        key: format!("key `{}`: ", error.key),
        message: error.message,
    })?;
    Ok(settings)
}

/// A variable of ours that nothing reads is a mistake that would pass unseen.
fn check_variables() -> Result<(), SettingsError> {
    let unknown = std::env::vars_os()
        .filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
        })
        .filter(|(name, _)| name.starts_with(PREFIX) && !name.contains("__"))
        .find(|(name, value)| {
            !FLAG_VARIABLES.contains(&name.as_str()) && !is_service_link(name, value)
        });
    unknown.map_or(Ok(()), |(name, _)| Err(SettingsError::UnknownVariable(name)))
}

/// Kubernetes sets these in every pod beside a Service whose name begins with `cspipe`, such as
/// `CSPIPE_EDGE_SERVICE_HOST`, `CSPIPE_EDGE_PORT` and `CSPIPE_EDGE_PORT_8080_TCP_ADDR`.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_port = |rest: &str| rest.starts_with(|first: char| first.is_ascii_digit());
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.split("_PORT_").skip(1).any(is_port)
        || (name.ends_with("_PORT") && value.contains("://"))
}

fn invalid(error: &figment::Error) -> SettingsError {
    let path = error.path.join(".");
    let source_name = match error.metadata.as_ref() {
        Some(Metadata { source: Some(source), .. }) => source.to_string(),
        Some(metadata) if metadata.name.contains("environment") => {
            format!("environment variable {PREFIX}{}", error.path.join("__").to_uppercase())
        }
        Some(metadata) => metadata.name.to_string(),
        None => "settings".to_owned(),
    };
    // The variable's name says it already.
    let is_variable = source_name.starts_with("environment variable");
    let key =
        if path.is_empty() || is_variable { String::new() } else { format!("key `{path}`: ") };
    let message = match &error.kind {
        Kind::UnknownField(_, known) => format!("no such setting; there are {}", known.join(", ")),
        Kind::InvalidType(found @ (Actual::Unsigned(_) | Actual::Signed(_)), expected)
            if expected.contains("string") =>
        {
            format!("expected a text such as \"30d\" or \"64 KiB\", found {found}")
        }
        Kind::InvalidType(found @ Actual::Str(_), expected) if expected.contains("sequence") => {
            format!("expected a list such as [\"shop\", \"blog\"], found {found}")
        }
        Kind::InvalidType(found, expected) => format!("expected {expected}, found {found}"),
        Kind::UnknownVariant(found, known) => {
            format!("`{found}` is not allowed; there are {}", known.join(", "))
        }
        // The words of the library for sizes say little.
        Kind::InvalidValue(found, expected) => {
            let expected = expected.replace("parsable string", "a size such as \"64 KiB\"");
            format!("expected {expected}, found {found}")
        }
        Kind::Message(message) if message.contains("socket address") => {
            "expected an address and a port, such as 127.0.0.1:8080".to_owned()
        }
        other => other.to_string(),
    };
    SettingsError::Invalid { source_name, key, message }
}

/// A TOML file as a source of settings.
struct TomlFile {
    path: PathBuf,
    values: Dict,
}

impl TomlFile {
    fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| SettingsError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| {
                text.bytes().take(span.start).filter(|byte| *byte == b'\n').count() + 1
            }),
            message: error.message().to_owned(),
        })?;
        let values = Value::serialize(table).ok().and_then(Value::into_dict).unwrap_or_default();
        Ok(Self { path: path.to_owned(), values })
    }
}

impl Provider for TomlFile {
    fn metadata(&self) -> Metadata {
        Metadata::from("file", self.path.as_path())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Flags as a source of settings, under the keys that they stand for.
struct FlagValues<'f>(&'f Flags);

impl Provider for FlagValues<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named("command line")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let Flags {
            config: _,
            listen,
            private,
            data,
            filters,
            kafka,
            elasticsearch,
            index_private,
        } = self.0;
        let mut values = Dict::new();
        let mut http = Dict::new();
        let addresses = [("listen", listen), ("private", private)];
        for (key, address) in addresses {
            if let Some(address) = address {
                http.insert(key.to_owned(), address.to_string().into());
            }
        }
        if !http.is_empty() {
            values.insert("http".to_owned(), http.into());
        }
        if let Some(brokers) = kafka {
            let kafka = Dict::from([("brokers".to_owned(), brokers.clone().into())]);
            values.insert("kafka".to_owned(), kafka.into());
        }
        let mut index = Dict::new();
        if let Some(addresses) = elasticsearch {
            index.insert("elasticsearch".to_owned(), addresses.clone().into());
        }
        if let Some(address) = index_private {
            index.insert("private".to_owned(), address.to_string().into());
        }
        if !index.is_empty() {
            values.insert("index".to_owned(), index.into());
        }
        for (key, path) in [("data", data), ("filters", filters)] {
            if let Some(path) = path {
                values.insert(key.to_owned(), Value::serialize(path)?);
            }
        }
        Ok(Profile::Default.collect(values))
    }
}

const PREFIX: &str = "CSPIPE_";
const FLAG_VARIABLES: &[&str] = &[
    "CSPIPE_CONFIG",
    "CSPIPE_LISTEN",
    "CSPIPE_PRIVATE",
    "CSPIPE_DATA",
    "CSPIPE_FILTERS",
    "CSPIPE_KAFKA",
    "CSPIPE_ELASTICSEARCH",
    "CSPIPE_INDEX_PRIVATE",
    "CSPIPE_LOG",
    // Read when the program is built.
    "CSPIPE_REVISION",
];
