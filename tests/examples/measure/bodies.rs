use std::sync::Arc;
use std::time::{Duration, Instant};

use colloquy_tests::client::Client;
use colloquy_tests::database::Backend;
use colloquy_tests::raw::upload;
use colloquy_tests::server::Colloquy;
use tokio::time::{interval, sleep};

use colloquy_tests::measure::memory::{peak, resident};
use colloquy_tests::measure::scene::at_once;
use colloquy_tests::measure::times::Times;

/// How many senders there are at once, and how long each of them rests: all run on the same
/// processors as the service and whoever waits for it.
const SENDERS: usize = 8;
const REST: Duration = Duration::from_millis(250);
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
    for (name, body) in kinds {
        let body = Arc::new(body);
        let head: Arc<str> = body.head(name, user.token()).into();
        let end = Instant::now() + WATCHED;
        let address: Arc<str> = server.address().into();
        let senders = (0..SENDERS).map(move |_| {
            let (address, head, body) = (address.clone(), head.clone(), body.clone());
            async move { send_until(end, &address, &head, &body).await }
        });
        let sent = tokio::spawn(at_once(senders));
        let meanwhile = reads(&user).await;
        let refused = Times::from(sent.await.expect("no panic"));
        let memory = peak(&server);
        println!("{name:9} {memory} KiB, reads {meanwhile}");
        println!("          {} refused {refused}", refused.count());
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

/// Sends it again and again; how long each took to be refused.
async fn send_until(end: Instant, address: &str, head: &str, body: &Body) -> Vec<Duration> {
    let mut times = Vec::new();
    while Instant::now() < end {
        let began = Instant::now();
        let (_, answer) = upload(address, head.as_bytes(), body.pieces()).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        times.push(began.elapsed());
        sleep(REST).await;
    }
    times
}

/// Reads at an even pace.
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
