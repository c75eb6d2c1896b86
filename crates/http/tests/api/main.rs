//! The API through its whole router, over in-memory fakes of the ports.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends its test"
)]

mod answer_cache;
mod assistants;
mod auth;
mod authenticator;
mod avatars;
mod compression;
mod conversation;
mod document;
mod framework;
mod health;
mod idempotency;
mod limits;
mod messages;
mod paging;
mod runs;
mod serve;
mod sse;
mod stream_ends;
mod streams;
mod support;
mod threads;
mod tokens;
mod tools;
mod users;
