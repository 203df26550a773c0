//! The journey of one report.
//!
//! A browser posts a body. [`decode`] tells its shape and reads raw reports out of it.
//! [`normalize`] takes the browser's quirks away and scrubs secrets; [`mod@derive`] works out what
//! follows; [`filter`] says whether it is noise, and why; [`publish`] writes the record down and
//! hands it to a sink. [`pipeline`] puts these verbs in order, and is the only one that knows them
//! all. [`http`] answers 204 once the sink's receipt says that the records are durable. Where that
//! was Kafka, [`index`] takes them from there to Elasticsearch, in a process of its own.
//!
//! Modules stand in the order in which data flows; imports point upwards in this list only, and
//! `tests/architecture.rs` holds them to it.

pub mod policy;
pub mod report;

pub mod decode;
pub mod normalize;
pub mod derive;
pub mod filter;

pub mod metrics;
pub mod store;
pub mod publish;

pub mod pipeline;
pub mod proof;
pub mod replay;
pub mod explain;

pub mod reload;
pub mod http;
pub mod index;

pub mod settings;
pub mod app;
