//! Resource use under attack.

use std::time::{Duration, Instant};

use colloquy_tests::attackers::{
    Endless, STREAMS, ask, connect, http2, is_cut, post, send_only, sign_in_head, trickle,
};
use colloquy_tests::client::{Client, Request, text};
use colloquy_tests::database::Backend;
use colloquy_tests::measure::memory::{peak, reset_peak, resident};
use colloquy_tests::measure::scene::Scene;
use colloquy_tests::measure::times::Times;
use colloquy_tests::model_server::{Reply, Script};
use colloquy_tests::server::Colloquy;
use http_body_util::BodyExt as _;
use hyper::{Method, Response, body::Incoming};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};

/// Observation time: stalled clients are cut within a minute.
const WATCHED: Duration = Duration::from_secs(68);
/// Duration and interval of other clients' reads beforehand.
const CALM: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_millis(20);
/// Maximum wait for a response to an attacker.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes sent of an unfinished body.
const UNFINISHED: usize = 60 * 1024 - 1;

const NAMES: [&str; 9] = [
    "trickle",
    "unfinished",
    "unfinished-h2",
    "window",
    "mixed",
    "receive-buffers",
    "assistants",
    "structured",
    "schemas",
];

/// Memory and others' latency during the named attacks, or all.
pub(crate) async fn attacks(backend: Backend, names: &[&str]) {
    let names = if names.is_empty() { &NAMES } else { names };
    for name in names {
        match *name {
            "structured" => structured(backend).await,
            "schemas" => schemas(backend).await,
            "assistants" => assistants(backend).await,
            _ => on_connections(backend, name).await,
        }
    }
}

/// Connections held by an attacker.
enum Kept {
    /// Tasks that end when cut.
    Tasks(JoinSet<()>),
    Sockets(Vec<TcpStream>),
}

impl Kept {
    async fn count(&mut self) -> usize {
        match self {
            Self::Tasks(tasks) => {
                while tasks.try_join_next().is_some() {}
                tasks.len()
            }
            Self::Sockets(sockets) => {
                let ends = sockets
                    .drain(..)
                    .map(|mut socket| async move { usize::from(!is_cut(&mut socket).await) });
                let ends: JoinSet<usize> = ends.collect();
                ends.join_all().await.into_iter().sum()
            }
        }
    }
}

async fn on_connections(backend: Backend, name: &str) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let attacker = server.user("eve").await;
    let other = server.user("ada").await;
    let page = large_page(&attacker, &assistant).await;
    attacker.root().get(&page).await.expect(200);
    let calm = reads(&other, CALM).await;
    let before = resident(&server);
    reset_peak(&server);
    let meanwhile = tokio::spawn(async move { reads(&other, WATCHED).await });
    let began = Instant::now();
    let token = attacker.token();
    let mut kept = match name {
        "trickle" => trickling(&server, &page, token).await,
        "unfinished" => unfinished(&server).await,
        "unfinished-h2" => unfinished_h2(&server).await,
        "window" => windows(&server, &[page], token, 1, STREAMS).await,
        "mixed" => mixed(&server, &page, token).await,
        "receive-buffers" => receive_buffers(&server, &page, token).await,
        _ => return println!("one of {NAMES:?}"),
    };
    let opened = began.elapsed();
    let meanwhile = meanwhile.await.expect("no panic");
    let more = peak(&server).saturating_sub(before) / 1024;
    println!(
        "{name}: opened in {opened:.1?}; {before} KiB before, +{more} MiB at most, {} KiB at last; {} left after {WATCHED:?}",
        resident(&server),
        kept.count().await
    );
    println!("  others before {}", calm.0);
    println!("  meanwhile     {}, {} failed", meanwhile.0, meanwhile.1);
}

async fn large_page(user: &Client, assistant: &str) -> String {
    let thread = user.create_thread().await;
    let emoji = "\u{1f600}".repeat(99_000);
    for _ in 0..6 {
        user.say(&thread, assistant, &emoji).await.expect(201);
    }
    format!("/api/v1/threads/{thread}/messages?limit=1000")
}

async fn reads(user: &Client, time: Duration) -> (Times, usize) {
    let (mut times, mut failed) = (Vec::new(), 0);
    let mut due = interval(EVERY);
    let end = Instant::now() + time;
    while Instant::now() < end {
        due.tick().await;
        let began = Instant::now();
        let request = user.request(Method::GET, "/threads?limit=10");
        let answer = timeout(PATIENCE, request.try_send()).await;
        let is_read = matches!(answer, Ok(Ok(answer)) if answer.status == 200);
        failed += usize::from(!is_read);
        times.push(began.elapsed());
    }
    (Times::from(times), failed)
}

async fn trickling(server: &Colloquy, page: &str, token: &str) -> Kept {
    let mut tasks = JoinSet::new();
    for n in 0..60 {
        let mut client = http2(connect(server, n, None).await, 1).await;
        for _ in 0..60 {
            if client.ready().await.is_err() {
                break;
            }
            let answer = ask(&mut client, page, token);
            tasks.spawn(async move {
                if let Ok(answer) = answer.await {
                    trickle(answer.into_body(), Duration::from_secs(5)).await;
                }
            });
        }
    }
    Kept::Tasks(tasks)
}

async fn unfinished(server: &Colloquy) -> Kept {
    let request = sign_in_head(UNFINISHED + 1) + &" ".repeat(UNFINISHED);
    // Sign-ins accept less; the length is that of a message.
    let request = request.replace("/auth/login", "/threads");
    let mut sockets = Vec::new();
    for n in 0..2_000 {
        let mut socket = connect(server, n % 10, None).await;
        send_only(&mut socket, &request).await;
        sockets.push(socket);
    }
    Kept::Sockets(sockets)
}

async fn unfinished_h2(server: &Colloquy) -> Kept {
    let mut tasks = JoinSet::new();
    for n in 0..20 {
        let mut client = http2(connect(server, n % 10, None).await, 65_535).await;
        for _ in 0..STREAMS {
            if client.ready().await.is_err() {
                break;
            }
            let body = Endless::beginning(vec![b' '; UNFINISHED]);
            let answer = post(&mut client, "/api/v1/threads", "", body);
            tasks.spawn(async move {
                let _ = answer.await;
            });
        }
    }
    Kept::Tasks(tasks)
}

/// Requests these paths without granting flow-control window.
async fn windows(
    server: &Colloquy,
    paths: &[String],
    token: &str,
    connections: usize,
    streams: usize,
) -> Kept {
    let mut tasks = JoinSet::new();
    for n in 0..connections {
        let mut client = http2(connect(server, n, None).await, 0).await;
        for path in paths.iter().cycle().take(streams) {
            if client.ready().await.is_err() {
                break;
            }
            let answer = ask(&mut client, path, token);
            tasks.spawn(until_cut(answer));
        }
    }
    Kept::Tasks(tasks)
}

async fn until_cut(answer: impl Future<Output = hyper::Result<Response<Incoming>>>) {
    if let Ok(answer) = answer.await {
        let _ = answer.into_body().frame().await;
    }
}

fn mixed_paths(page: &str) -> [String; 4] {
    [
        "/docs/swagger-ui-bundle.js".to_owned(),
        "/openapi.json".to_owned(),
        "/api/v1/assistants?limit=1000".to_owned(),
        page.to_owned(),
    ]
}

async fn mixed(server: &Colloquy, page: &str, token: &str) -> Kept {
    windows(server, &mixed_paths(page), token, 50, STREAMS).await
}

async fn receive_buffers(server: &Colloquy, page: &str, token: &str) -> Kept {
    let mut sockets = Vec::new();
    for n in 0..400 {
        let mut socket = connect(server, n, Some(4_096)).await;
        let path = &mixed_paths(page)[n % 4];
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n");
        send_only(&mut socket, &head.repeat(10)).await;
        sockets.push(socket);
    }
    Kept::Sockets(sockets)
}

/// A list of assistants with long instructions.
async fn assistants(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    for n in 0..100 {
        let instructions = "\u{1f600}".repeat(100_000);
        let fields = json!({"name": format!("Assistant {n}"), "instructions": instructions});
        admin.create_assistant(fields).await;
    }
    let before = resident(&server);
    reset_peak(&server);
    let page = admin.get("/assistants?limit=1000").await;
    println!(
        "assistants: {before} KiB before, +{} MiB at most for a page of {} KiB of {} assistants",
        peak(&server).saturating_sub(before) / 1024,
        page.body.len() / 1024,
        page.json().as_array().map_or(0, Vec::len),
    );
}

async fn on_schema(backend: Backend, schema: &Value, answer: &str) -> Scene {
    let scene = Scene::with(backend, Script::from(Reply::answer(answer))).await;
    let path = format!("/assistants/{}", scene.assistant);
    let change = json!({"output_schema": schema});
    scene
        .server
        .admin()
        .await
        .patch(&path, change)
        .await
        .expect(200);
    scene
}

async fn structured(backend: Backend) {
    let whole = |item: &str| {
        format!(
            "[{}{item}]",
            format!("{item},").repeat(2_000_000 / (item.len() + 1))
        )
    };
    let kinds = [
        ("numbers", whole("1")),
        ("objects", whole("{}")),
        ("members", whole(r#"{"":1}"#)),
        ("text", format!("[\"{}\"]", "x".repeat(2_000_000))),
    ];
    for (name, answer) in kinds {
        let scene = on_schema(backend, &json!({"type": "array"}), &answer).await;
        let thread = scene.user.create_thread().await;
        scene.user.get("/threads").await.expect(200);
        let before = resident(&scene.server);
        reset_peak(&scene.server);
        let answered = scene.question(&thread).send().await;
        println!(
            "structured {name}: {before} KiB before, +{} MiB at most, answered {} {}",
            peak(&scene.server).saturating_sub(before) / 1024,
            answered.status,
            answered.json()["code"],
        );
    }
}

/// Slow schema checks in sixteen runs of one user, and the latency of another user's runs.
async fn schemas(backend: Backend) {
    let formats: Vec<Value> = (0..150)
        .map(|_| json!({"format": "uri-template"}))
        .collect();
    let hostile = json!({"$schema": "http://json-schema.org/draft-07/schema#", "allOf": formats});
    let answer = format!("\"{}\"", "{x}".repeat(600_000));
    let scene = on_schema(backend, &hostile, &answer).await;
    let fields =
        json!({"name": "Small", "model": "scripted::model", "output_schema": {"type": "string"}});
    let small = scene.server.admin().await.create_assistant(fields).await;
    let other = scene.server.user("bob").await;
    let before = small_run(&other, text(&small["id"])).await;
    let mut tasks = JoinSet::new();
    for thread in scene.threads(16).await {
        let question: Request = scene.question(&thread);
        tasks.spawn(async move { timeout(WATCHED, question.try_send()).await.is_ok() });
    }
    sleep(Duration::from_secs(2)).await;
    let meanwhile = small_run(&other, text(&small["id"])).await;
    println!("schemas: another's run took {before:.1?} before, {meanwhile:.1?} meanwhile");
}

async fn small_run(user: &Client, assistant: &str) -> Duration {
    let thread = user.create_thread().await;
    let began = Instant::now();
    user.say(&thread, assistant, "Hi").await;
    began.elapsed()
}
