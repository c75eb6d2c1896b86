//! Every wire against a provider that follows a script.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failure in here is a failed test"
)]

mod answers;
mod checks;
mod conversations;
mod embeddings;
mod faults;
#[cfg(feature = "local-embeddings")]
mod local;
mod logs;
mod oddities;
mod other_wires;
mod refusals;
mod support;
mod tls;
mod tools;
