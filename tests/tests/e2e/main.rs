//! The real binary over HTTP, from outside, on both databases.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failure in here is a failed test"
)]

mod auth;
