use std::time::{Duration, Instant};

use colloquy_tests::client::Client;
use colloquy_tests::database::Backend;
use colloquy_tests::raw::upload;
use colloquy_tests::server::Colloquy;
use tokio::time::{Instant as Tick, interval, timeout};

use colloquy_tests::measure::memory::{peak, resident};
use colloquy_tests::measure::times::Times;

/// How many senders there are at once.
const SENDERS: usize = 8;
/// How long is watched each time, and how often somebody else asks meanwhile.
const WATCHED: Duration = Duration::from_secs(15);
const EVERY: Duration = Duration::from_millis(5);
/// How much of a gigabyte is offered in one piece.
const PIECE: usize = 16 * 1024;
const GIGABYTE: usize = 1 << 30;

/// What bodies of a size that nobody takes cost others: the time of their reads, before and
/// meanwhile.
pub(crate) async fn bodies(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    for _ in 0..4 {
        let before = reads(&user).await;
        println!("{:9} {} KiB, reads {before}", "before", resident(&server));
    }
    let keys = (0..1_000_000).map(|number| format!("\"{number}\":0"));
    let keys = format!("{{{}}}", keys.collect::<Vec<_>>().join(","));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let kinds = [
        ("announced", Body::Endless(Vec::from([b'x'; PIECE]))),
        ("chunked", Body::Endless(chunk())),
        ("keys", Body::Whole(keys.into_bytes())),
        ("deep", Body::Whole(deep.into_bytes())),
    ];
    for (name, body) in &kinds {
        let head = body.head(name, user.token());
        let end = Instant::now() + WATCHED;
        let senders = (0..SENDERS).map(|_| send_until(end, &server, &head, body));
        let sent = futures_util::future::join_all(senders);
        let (sent, meanwhile) = tokio::join!(sent, reads(&user));
        let count: usize = sent.iter().sum();
        let memory = peak(&server);
        println!("{name:9} {memory} KiB, reads {meanwhile}, {count} refused");
    }
}

enum Body {
    Whole(Vec<u8>),
    /// Again and again, a gigabyte in all.
    Endless(Vec<u8>),
}

impl Body {
    fn head(&self, name: &str, token: &str) -> String {
        let length = match (self, name) {
            (Self::Whole(body), _) => format!("content-length: {}", body.len()),
            (Self::Endless(_), "announced") => format!("content-length: {GIGABYTE}"),
            (Self::Endless(_), _) => "transfer-encoding: chunked".to_owned(),
        };
        format!(
            "POST /api/v1/threads HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
             authorization: Bearer {token}\r\n{length}\r\n\r\n"
        )
    }

    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let (piece, count) = match self {
            Self::Whole(body) => (body, 1),
            Self::Endless(piece) => (piece, GIGABYTE / PIECE),
        };
        std::iter::repeat_n(piece.as_slice(), count)
    }
}

fn chunk() -> Vec<u8> {
    let head = format!("{PIECE:x}\r\n");
    [head.as_bytes(), &[b'x'; PIECE], b"\r\n"].concat()
}

/// Sends it again once it is refused; how often.
async fn send_until(end: Instant, server: &Colloquy, head: &str, body: &Body) -> usize {
    let mut count = 0;
    while Instant::now() < end {
        let sent = upload(server.address(), head.as_bytes(), body.pieces());
        // The last one ends in its own time.
        let sent = timeout(Duration::from_secs(5), sent).await;
        let (_, answer) = sent.expect("an answer");
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        count += 1;
    }
    count
}

/// Reads at an even pace, each counted from when it was due.
async fn reads(user: &Client) -> Times {
    let mut times = Vec::new();
    let mut due = interval(EVERY);
    let end = Tick::now() + WATCHED;
    while Tick::now() < end {
        let began = due.tick().await;
        user.get("/assistants").await.expect(200);
        times.push(began.elapsed());
    }
    Times::from(times)
}
