//! A real Elasticsearch or OpenSearch, and what is proven on it.
//!
//! [`server`] starts, kills and restarts it, [`client`] speaks to it, [`templates`] installs what
//! `config/elasticsearch` holds. [`proof`] shows that records of every stream are taken and found,
//! whatever stands beside them. Nothing here uses cspipe's code.

pub mod client;
pub mod proof;
pub mod server;
pub mod templates;

mod aliases;
mod hostile;
mod questions;
mod records;
