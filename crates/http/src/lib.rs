#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod around;
mod assistants;
mod auth;
mod avatars;
mod client_address;
mod cors;
mod created;
mod cursor;
mod docs;
mod etag;
mod header_list;
mod health;
mod idempotency;
mod input;
mod limits;
mod links;
mod logging;
mod messages;
mod metrics;
mod openapi;
mod options;
mod paging;
mod path;
mod problem;
mod request_id;
mod router;
mod runs;
mod schema;
mod security_headers;
mod serve;
mod state;
mod threads;
mod timestamp;
mod tokens;
mod turns;
mod unread_body;
mod users;

pub use client_address::{InvalidNetwork, ProxyNetwork};
pub use cors::{InvalidOrigin, Origin};
pub use metrics::{Metrics, metrics_router};
pub use openapi::{DocumentVersion, openapi_json};
pub use options::HttpOptions;
pub use router::router;
pub use serve::{ServeOptions, listen, serve};

/// What every path of the API begins with.
const BASE: &str = "/api/v1";
