//! A database locked by another client.

use std::time::{Duration, Instant};

use colloquy_tests::client::Client;
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::{Colloquy, PASSWORD};
use hyper::Method;
use serde_json::json;

use crate::seen_soon;

on_both_backends![requests_are_refused_in_time_while_the_database_is_locked];

/// Responses take at most 5 s; the rest is for slow machines.
const DUE: Duration = Duration::from_secs(6);

async fn requests_are_refused_in_time_while_the_database_is_locked(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let thread = format!("/threads/{}", user.create_thread().await);
    let lock = server.installation().database().lock().await;
    let reads = if backend == Backend::Sqlite { 200 } else { 503 };
    for (method, path, status) in [
        (Method::GET, "/threads", reads),
        (Method::GET, &thread, reads),
        (Method::PATCH, &thread, 503),
        (Method::POST, "/threads", 503),
        (Method::DELETE, &thread, 503),
    ] {
        let begun = Instant::now();
        let mut request = user.request(method.clone(), path);
        if [Method::PATCH, Method::POST].contains(&method) {
            request = request.json(&json!({"name": "x"}));
        }
        assert_eq!(request.send().await.status, status, "{method} {path}");
        assert!(begun.elapsed() < DUE, "{method} {path}");
    }
    let begun = Instant::now();
    let answer = server.guest().log_in("ada@example.org", PASSWORD).await;
    assert_eq!(answer.status, 503);
    assert!(begun.elapsed() < DUE, "sign-in");
    readiness_becomes(&server, 503).await;
    lock.release().await;
    readiness_becomes(&server, 200).await;
    user.patch(&thread, json!({"name": "x"})).await.expect(200);
}

async fn readiness_becomes(server: &Colloquy, status: u16) {
    let root: Client = server.guest().root();
    seen_soon(&root, "/health/ready", |answer| answer.status == status).await;
}
