//! Test support for several crates. Panics here fail the test.
#![expect(clippy::expect_used, clippy::panic, reason = "a failure ends the test")]

#[cfg(feature = "server")]
pub mod attackers;
#[cfg(feature = "server")]
pub mod client;
#[cfg(feature = "server")]
pub mod database;
#[cfg(feature = "server")]
pub mod events;
pub mod files;
#[cfg(feature = "server")]
pub mod large_bodies;
#[cfg(feature = "server")]
pub mod malformed;
#[cfg(feature = "server")]
pub mod measure;
pub mod model_server;
#[cfg(feature = "otlp")]
pub mod otlp_collector;
#[cfg(feature = "server")]
pub mod process;
#[cfg(feature = "server")]
pub mod random;
#[cfg(feature = "server")]
pub mod raw;
#[cfg(feature = "s3")]
pub mod s3_server;
#[cfg(feature = "server")]
pub mod server;
