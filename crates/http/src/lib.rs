#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod assistants;
mod auth;
mod avatars;
mod cursor;
mod docs;
mod health;
mod links;
mod messages;
mod metrics;
mod models;
mod openapi;
mod options;
mod router;
mod runs;
mod state;
mod threads;
mod tokens;
mod users;

pub use metrics::metrics_router;
pub use openapi::{DocumentVersion, openapi_json};
pub use options::HttpOptions;
pub use router::router;

/// What every path of the API begins with.
const BASE: &str = "/api/v1";
