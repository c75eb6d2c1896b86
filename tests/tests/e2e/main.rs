//! End-to-end tests: the real binary over HTTP on both databases.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a failure ends the test")]

mod access;
mod answer_cache;
mod assistants;
mod auth;
mod avatars;
mod cli;
mod concurrency;
mod deletions;
mod durability;
mod faults;
mod file_uploads;
mod files;
mod first_day;
mod full_disk;
mod hostile_clients;
mod hostile_requests;
mod idempotency;
mod instances;
mod interrupted;
mod large_bodies;
mod locked_database;
mod logs;
mod messages;
mod metrics;
mod models;
mod odd_models;
mod operations;
mod passwords;
mod pauses;
mod run_bounds;
mod run_limits;
mod run_settings;
mod run_starts;
mod runs;
mod scene;
mod secrets;
mod serving;
mod shared_catalogue;
mod sign_in_limits;
mod sizes;
mod streams;
mod submissions;
mod threads;
mod tokens;
mod tools;
#[cfg(feature = "otlp")]
mod traces;
mod users;

use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, Response};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::ModelServer;
use colloquy_tests::server::{Colloquy, Installation};
use serde_json::Value;

/// An absent ID.
const ABSENT: &str = "01900000-0000-7000-8000-000000000000";
/// A model of the provider of [`with_models`].
const SCRIPTED: &str = "scripted::model";
/// The API key for that provider.
const SCRIPTED_KEY: &str = "sk-scripted-0123456789";

/// An installation with the provider `scripted`.
async fn with_models(backend: Backend, models: &ModelServer) -> Installation {
    Colloquy::installed(backend)
        .await
        .env("COLLOQUY_PROVIDERS__SCRIPTED__BASE_URL", &models.base_url())
        .env("COLLOQUY_PROVIDERS__SCRIPTED__API_KEY", SCRIPTED_KEY)
}

/// Maximum time until a revocation takes effect.
const REVOCATION_LAG: Duration = Duration::from_secs(5);

/// Polls for that status, at most [`REVOCATION_LAG`].
async fn answer_soon(client: &Client, path: &str, status: u16) -> Response {
    seen_soon(client, path, |answer| answer.status == status).await
}

/// Polls for a match, at most [`REVOCATION_LAG`].
async fn seen_soon(client: &Client, path: &str, is_it: impl Fn(&Response) -> bool) -> Response {
    let deadline = Instant::now() + REVOCATION_LAG;
    loop {
        let answer = client.get(path).await;
        if is_it(&answer) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path}: still {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn members(object: &Value) -> Vec<&str> {
    let members = object.as_object().unwrap().keys();
    let mut names: Vec<&str> = members.map(String::as_str).collect();
    names.sort_unstable();
    names
}
