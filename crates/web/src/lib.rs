//! HTTP machinery of the inbound adapters.

#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

pub mod access_watch;
pub mod authenticator;
pub mod byte_range;
pub mod client_address;
pub mod compression;
pub mod concurrency_limit;
pub mod cors;
pub mod created;
pub mod etag;
pub mod headers;
mod http_service;
pub mod idempotency;
pub mod input;
pub mod limits;
mod logging;
pub mod metrics;
pub mod middleware;
pub mod paging;
pub mod path;
pub mod problem;
pub mod request_id;
pub mod run_streams;
pub mod schema;
pub mod serve;
pub mod sign_in;
pub mod sse;
pub mod static_file;
pub mod timestamp;
mod unread_body;
