//! The cost of oversized bodies to other clients.

use std::sync::Arc;
use std::time::{Duration, Instant};

use colloquy_tests::client::Client;
use colloquy_tests::database::Backend;
use colloquy_tests::large_bodies::{Content, LargeBody};
use colloquy_tests::raw::upload;
use colloquy_tests::server::Colloquy;
use tokio::time::{interval, sleep};

use colloquy_tests::measure::memory::{peak, resident};
use colloquy_tests::measure::scene::at_once;
use colloquy_tests::measure::times::Times;

/// Concurrent senders and the pause of each; they share the CPU with the service.
const SENDERS: usize = 8;
const REST: Duration = Duration::from_millis(250);
/// Observation time and read interval.
const WATCHED: Duration = Duration::from_secs(15);
const EVERY: Duration = Duration::from_millis(5);
const KINDS: [LargeBody; 4] = [
    LargeBody::Announced,
    LargeBody::Chunked,
    LargeBody::Keys,
    LargeBody::Deep,
];

/// Another client's read latency, without and during oversized uploads.
pub(crate) async fn bodies(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    for _ in 0..4 {
        let before = reads(&user).await;
        println!("{:9} {} KiB, reads {before}", "before", resident(&server));
    }
    for body in KINDS {
        let content = Arc::new(body.content());
        let head: Arc<str> = head(body, &content, user.token()).into();
        let end = Instant::now() + WATCHED;
        let address: Arc<str> = server.address().into();
        let senders = (0..SENDERS).map(move |_| {
            let (address, head, content) = (address.clone(), head.clone(), content.clone());
            async move { send_until(end, &address, &head, &content).await }
        });
        let sent = tokio::spawn(at_once(senders));
        let meanwhile = reads(&user).await;
        let refused = Times::from(sent.await.expect("no panic"));
        let memory = peak(&server);
        println!("{:9} {memory} KiB, reads {meanwhile}", format!("{body:?}"));
        println!("          {} refused {refused}", refused.count());
    }
}

fn head(body: LargeBody, content: &Content, token: &str) -> String {
    let length = body.length_header(content);
    format!(
        "POST /api/v1/threads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         authorization: Bearer {token}\r\n{length}\r\n\r\n"
    )
}

/// Sends repeatedly; returns the times to rejection.
async fn send_until(end: Instant, address: &str, head: &str, content: &Content) -> Vec<Duration> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let began = Instant::now();
        let (_, answer) = upload(address, head.as_bytes(), content.pieces()).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        times.push(began.elapsed());
        sleep(REST).await;
    }
    times
}

async fn reads(user: &Client) -> Times {
    let mut times = Vec::new();
    let mut due = interval(EVERY);
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        due.tick().await;
        let began = Instant::now();
        user.get("/assistants").await.expect(200);
        times.push(began.elapsed());
    }
    Times::from(times)
}
