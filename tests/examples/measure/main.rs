//! Measurements of the service on this machine; run with `--release`.
//!
//! `cargo run --release -p colloquy-tests --example measure -- <figure> [sqlite|postgres]`
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool for developers"
)]

mod attacks;
mod avatars;
mod bodies;
mod deletions;
mod first_token;
mod flood;
mod login;
mod overhead;
mod reads;
mod stalled;
mod start;
mod streams;
mod writers;

use colloquy_tests::database::Backend;
use colloquy_tests::process::binary;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let backend = match arguments.get(1) {
        Some(&"postgres") => Backend::Postgres,
        _ => Backend::Sqlite,
    };
    assert!(backend.is_at_hand(), "TEST_POSTGRES_URL is needed");
    println!("{} on {backend:?}", binary().display());
    match arguments.first() {
        Some(&"attacks") => attacks::attacks(backend, &arguments[2..]).await,
        Some(&"start") => start::start(backend).await,
        Some(&"login") => login::login(backend).await,
        Some(&"writers") => writers::writers(backend).await,
        Some(&"avatars") => avatars::avatars(backend).await,
        Some(&"bodies") => bodies::bodies(backend).await,
        Some(&"deletions") => deletions::deletions(backend).await,
        Some(&"overhead") => overhead::overhead(backend).await,
        Some(&"flood") => flood::flood(backend).await,
        Some(&"first-token") => first_token::first_token(backend).await,
        Some(&"streams") => streams::streams(backend).await,
        Some(&"stalled") => stalled::stalled(backend).await,
        _ => println!(
            "measure attacks|start|login|writers|avatars|bodies|deletions|overhead|first-token|flood|streams|stalled [sqlite|postgres]"
        ),
    }
}
