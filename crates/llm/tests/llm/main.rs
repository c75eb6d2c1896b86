//! Every provider kind against a scripted server.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests may panic"
)]

mod answers;
mod anthropic;
mod checks;
mod conversations;
mod embeddings;
mod faults;
mod gemini;
#[cfg(feature = "local-embeddings")]
mod local;
mod logs;
mod oddities;
mod options;
mod other_wires;
mod refusals;
mod servers;
mod support;
mod tls;
mod tools;
