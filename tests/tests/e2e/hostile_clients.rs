//! Clients that hold resources: unfinished requests, unread responses, abandoned sign-ins.

use std::time::Duration;

use colloquy_tests::attackers::{Endless, STREAMS, ask, connect, http2, post, sign_in_head};
use colloquy_tests::client::Client;
use colloquy_tests::database::Backend;
use colloquy_tests::measure::memory::{peak, reset_peak, resident};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, PASSWORD};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

on_both_backends![
    unfinished_requests_hold_up_nobody,
    a_flood_of_unfinished_requests_is_cut_off,
    answers_that_nobody_takes_hold_little_memory,
    sign_ins_that_were_given_up_count_for_nothing,
];

/// Longer than any step may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Begins `count` requests over HTTP/1 and over HTTP/2 from `addresses` addresses; the result keeps
/// them open.
async fn begin_requests(server: &Colloquy, count: usize, addresses: usize) -> JoinSet<()> {
    let head = sign_in_head(90) + "{";
    let mut kept = JoinSet::new();
    for n in 0..count {
        let mut stream = connect(server, n % addresses, None).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        kept.spawn(async move {
            let _ = stream.read_to_end(&mut Vec::new()).await;
        });
    }
    for (n, streams) in shares(count, addresses) {
        let mut client = http2(connect(server, n, None).await, 65_535).await;
        for _ in 0..streams {
            client.ready().await.unwrap();
            let body = Endless::beginning("{");
            let answer = post(&mut client, "/api/v1/auth/login", "", body);
            kept.spawn(async move {
                let _ = answer.await;
            });
        }
    }
    kept
}

/// Streams and source address per connection.
fn shares(count: usize, addresses: usize) -> impl Iterator<Item = (usize, usize)> {
    let connections = count.div_ceil(STREAMS).max(addresses.min(count));
    let each = count.div_ceil(connections);
    (0..connections).map(move |n| (n % addresses, each))
}

async fn unfinished_requests_hold_up_nobody(backend: Backend) {
    for addresses in [1, 10, 1_000] {
        let server = Colloquy::start(backend).await;
        let user = server.user("ada").await;
        let _kept = begin_requests(&server, 1_000, addresses).await;
        others_are_served(&user).await;
        let ready = server.guest().root().get("/health/ready").await;
        let limits = ready.expect(200)["limits_reached"].clone();
        assert_eq!(limits, json!(["request_bodies"]), "{addresses}");
        let log = server.log();
        let lines = log.lines().filter(|line| line.contains("limit reached"));
        assert_eq!(lines.count(), 1, "{log}");
    }
}

async fn a_flood_of_unfinished_requests_is_cut_off(backend: Backend) {
    const REQUESTS: usize = 9_000;
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let others = tokio::spawn(async move {
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            let begin = Instant::now();
            user.get("/users/me").await.expect(200);
            longest = longest.max(begin.elapsed());
            sleep(Duration::from_millis(50)).await;
        }
        longest
    });
    let mut kept = JoinSet::new();
    for _ in 0..REQUESTS.div_ceil(STREAMS) {
        let mut client = http2(connect(&server, 0, None).await, 65_535).await;
        for _ in 0..STREAMS {
            if client.ready().await.is_err() {
                break;
            }
            let body = Endless::beginning("{");
            let answer = post(&mut client, "/api/v1/auth/login", "", body);
            kept.spawn(async move {
                let _ = answer.await;
            });
        }
    }
    let longest = others.await.unwrap();
    assert!(longest < Duration::from_secs(8), "{longest:?}");
    // Few are told and logged; the rest lose their connections.
    let log = server.log();
    let lines = log.lines().count();
    assert!(lines < 2_000, "{lines} lines");
}

async fn others_are_served(user: &Client) {
    for _ in 0..20 {
        let thread = timeout(PATIENCE, user.create_thread()).await.unwrap();
        let path = format!("/threads/{thread}");
        timeout(PATIENCE, user.get(&path))
            .await
            .unwrap()
            .expect(200);
    }
}

/// Large responses that any account can request.
fn large_answers(thread: &str) -> [String; 4] {
    [
        "/docs/swagger-ui-bundle.js".to_owned(),
        "/openapi.json".to_owned(),
        "/api/v1/assistants?limit=1000".to_owned(),
        format!("/api/v1/threads/{thread}/messages?limit=1000"),
    ]
}

async fn answers_that_nobody_takes_hold_little_memory(backend: Backend) {
    const KIB_MORE: u64 = 64 * 1024;
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    for _ in 0..8 {
        let exchange = user.say(&thread, &assistant, &"word ".repeat(12_000)).await;
        exchange.expect(201);
    }
    let paths = large_answers(&thread);
    for path in &paths {
        assert_eq!(user.root().get(path).await.status, 200);
    }
    let before = resident(&server);
    reset_peak(&server);
    let mut kept = Vec::new();
    for n in 0..25 {
        let mut stream = connect(&server, n % 5, Some(4_096)).await;
        let path = &paths[n % paths.len()];
        let token = user.token();
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(head.repeat(20).as_bytes()).await.unwrap();
        kept.push(stream);
    }
    let mut answers = Vec::new();
    for n in 0..25 {
        let mut client = http2(connect(&server, n % 5, None).await, 0).await;
        for path in paths.iter().cycle().take(STREAMS / 2) {
            answers.push(tokio::spawn(ask(&mut client, path, user.token())));
        }
    }
    // All have responses, perhaps cut off.
    for answer in answers {
        let _ = timeout(PATIENCE, answer).await.unwrap();
    }
    others_are_served(&user).await;
    let more = peak(&server).saturating_sub(before);
    assert!(more <= KIB_MORE, "{more} KiB more");
    drop(kept);
}

async fn sign_ins_that_were_given_up_count_for_nothing(backend: Backend) {
    let server = Colloquy::start(backend).await;
    for round in 0..3 {
        let mut kept = Vec::new();
        for n in 0..80 {
            let body = format!("username=user{n}@example.org&password=wrong");
            let length = body.len();
            let mut stream = connect(&server, 0, None).await;
            let request = format!(
                "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\
                 content-type: application/x-www-form-urlencoded\r\n\r\n{body}"
            );
            stream.set_zero_linger().unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            kept.push(stream);
        }
        drop(kept);
        let guest = server.guest();
        let signed_in = timeout(PATIENCE, guest.log_in(ADMIN_EMAIL, PASSWORD));
        signed_in.await.unwrap().expect(200);
        let log = server.log();
        let refused = log
            .lines()
            .filter(|it| it.contains("sign-in refused"))
            .count();
        assert!(refused < 10 * (round + 1), "{refused} were checked");
    }
}
