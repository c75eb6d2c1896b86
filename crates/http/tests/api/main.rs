//! The API through its whole router, over in-memory fakes of the ports.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a broken expectation ends its test"
)]

mod assistants;
mod auth;
mod document;
mod framework;
mod health;
mod messages;
mod paging;
mod runs;
mod serve;
mod support;
mod threads;
mod tokens;
mod users;
