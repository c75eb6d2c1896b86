//! The native HTTP API.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod api;
mod assistants;
mod auth;
mod avatars;
mod cursor;
mod docs;
mod document;
mod files;
mod health;
mod json_cache;
mod links;
mod messages;
mod metrics;
mod models;
mod openapi;
mod options;
mod router;
mod routes;
mod runs;
mod state;
mod threads;
mod tokens;
mod tools;
mod users;

pub use document::{DocumentVersion, openapi_json};
pub use metrics::metrics_router;
pub use options::HttpOptions;
pub use router::router;

/// Prefix of all API paths.
const BASE: &str = "/api/v1";
