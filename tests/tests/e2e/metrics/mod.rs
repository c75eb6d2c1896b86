//! Metrics.

mod exposition;

use std::time::{Duration, Instant};

use colloquy_application::ports::Clock as _;
use colloquy_application::system::SystemClock;
use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Gate, Reply};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::{Value, json};

use self::exposition::Figures;
use crate::ABSENT;
use crate::scene::{Scene, run_of};

on_both_backends![
    the_metrics_have_an_address_of_their_own,
    without_that_address_there_are_none,
    the_operators_table_lists_exactly_what_is_shown,
    requests_are_counted_by_their_routes,
    what_clients_make_up_adds_no_series,
    runs_are_counted_by_their_ends,
    runs_that_are_ended_from_outside_are_counted,
    tools_and_repeated_questions_are_counted,
    what_is_under_way_is_shown_while_it_lasts,
    the_process_and_its_stores_are_shown,
    no_figure_tells_of_anybody,
];

const SUM: &str = r#"{"expression": "6 * 7"}"#;
const PATIENCE: Duration = Duration::from_secs(10);

/// A scene that covers all metrics: a cacheable run with a tool.
async fn eventful(backend: Backend) -> Scene {
    let replies = [
        Reply::calls(&[("a", "calculator", SUM), ("b", "calculator", "{}")]),
        Reply::stream(&["It is ", "42."]),
        Reply::stream(&["Nothing."]),
    ];
    let scene = Scene::with(backend, replies).await;
    let admin = scene.server.admin().await;
    let path = format!("/assistants/{}", scene.assistant);
    let change = json!({"tools": ["calculator"], "use_semantic_cache": true});
    admin.patch(&path, change).await.expect(200);
    ask(&scene, &scene.thread, "What is 6 * 7?").await;
    scene
}

async fn ask(scene: &Scene, thread: &str, content: &str) {
    let exchange = scene.user.say(thread, &scene.assistant, content).await;
    exchange.expect(201);
}

async fn the_metrics_have_an_address_of_their_own(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let service = server.guest().root();
    let unknown = service.get("/nothing").await.anonymous();
    for path in [
        "/metrics",
        "/metrics/",
        "//metrics",
        "/%6detrics",
        "/api/v1/metrics",
    ] {
        assert_eq!(service.get(path).await.anonymous(), unknown, "{path}");
    }
    let watcher = server.watcher().root();
    assert_eq!(watcher.get("/metrics").await.status, 200);
    for path in [
        "/",
        "/metrics/",
        "//metrics",
        "/health/live",
        "/api/v1/assistants",
        "/docs",
    ] {
        assert_eq!(watcher.get(path).await.status, 404, "{path}");
    }
}

async fn without_that_address_there_are_none(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let server = site.env("COLLOQUY_METRICS_LISTEN", "").serve().await;
    let log = server.log();
    assert!(!log.contains("metrics: http"), "{log}");
    server
        .guest()
        .root()
        .get("/metrics")
        .await
        .problem(404, "entity_not_found");
}

async fn the_operators_table_lists_exactly_what_is_shown(backend: Backend) {
    let scene = eventful(backend).await;
    let figures = Figures::of(&scene.server).await;
    let shown: Vec<String> = figures
        .families
        .iter()
        .map(|(name, family)| {
            let labels: Vec<String> = family.labels.iter().map(|it| format!("`{it}`")).collect();
            let (kind, labels, help) = (&family.kind, labels.join(", "), &family.help);
            format!("| `{name}` | {kind} | {labels} | {help} |")
        })
        .collect();
    let page = include_str!("../../../../docs/operating.md");
    let mut listed: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `colloquy_") || line.starts_with("| `process_"))
        .filter(|line| cfg!(target_os = "linux") || !is_of_linux(line))
        .collect();
    listed.sort_unstable();
    let mut shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    shown.sort_unstable();
    let expected = shown.join("\n");
    assert_eq!(listed, shown, "docs/operating.md should say:\n{expected}");
}

/// Whether it exists on Linux only.
fn is_of_linux(line: &str) -> bool {
    line.starts_with("| `process_") && !line.contains("process_start_time_seconds")
}

async fn requests_are_counted_by_their_routes(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let before = Figures::of(&server).await;
    for _ in 0..3 {
        user.get(&format!("/threads/{thread}")).await.expect(200);
    }
    user.get(&format!("/threads/{ABSENT}")).await.expect(404);
    let after = Figures::of(&server).await;
    let route = [("method", "GET"), ("route", "/api/v1/threads/{thread_id}")];
    let more =
        |name: &str, labels: &[(&str, &str)]| after.get(name, labels) - before.get(name, labels);
    let with_status = |status| [route[0], route[1], ("status", status)];
    assert_eq!(
        more("colloquy_http_requests_total", &with_status("200")),
        3.0
    );
    assert_eq!(
        more("colloquy_http_requests_total", &with_status("404")),
        1.0
    );
    let name = "colloquy_http_request_duration_seconds";
    assert_eq!(more(&format!("{name}_count"), &route), 4.0);
    assert!(more(&format!("{name}_sum"), &route) > 0.0);
    let all = [route[0], route[1], ("le", "+Inf")];
    assert_eq!(more(&format!("{name}_bucket"), &all), 4.0);
}

async fn what_clients_make_up_adds_no_series(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let guest = server.guest();
    let make_up = async |number: u32| {
        let path = format!("/nonsense/{number}?a={number}");
        guest.root().get(&path).await.expect(404);
        let method: Method = format!("BREW{number}").parse().unwrap();
        let path = format!("/assistants/{number}");
        guest.request(method, &path).send().await.expect(405);
    };
    make_up(0).await;
    let before = Figures::of(&server).await;
    for number in 1..=20 {
        make_up(number).await;
    }
    let after = Figures::of(&server).await;
    assert_eq!(after.len(), before.len(), "{}", after.text);
    let labels = [("method", "GET"), ("route", "unmatched"), ("status", "404")];
    let name = "colloquy_http_requests_total";
    assert_eq!(after.get(name, &labels), 21.0);
    let route = "/api/v1/assistants/{assistant_id}";
    let labels = [("method", "other"), ("route", route), ("status", "405")];
    assert_eq!(after.get(name, &labels), 21.0);
}

async fn runs_are_counted_by_their_ends(backend: Backend) {
    let replies = [
        Reply::stream(&["Fine."]),
        Reply::status(503),
        Reply::events()
            .text("cut")
            .finish("length")
            .usage(5, 2)
            .done(),
        Reply::status(400),
    ];
    let scene = Scene::with(backend, replies).await;
    let path = scene.path("/messages");
    for (content, status) in [("a", 201), ("b", 201), ("c", 502)] {
        let exchange = scene.user.post(&path, scene.body(content)).await;
        exchange.expect(status);
    }
    let figures = Figures::of(&scene.server).await;
    let runs = |status, error, finish_reason| {
        let labels = [
            ("status", status),
            ("error", error),
            ("finish_reason", finish_reason),
        ];
        figures.get("colloquy_runs_total", &labels)
    };
    assert_eq!(runs("completed", "", "stop"), 1.0);
    assert_eq!(runs("completed", "", "length"), 1.0);
    assert_eq!(runs("failed", "model_error", ""), 1.0);
    assert_eq!(figures.sum("colloquy_runs_total"), 3.0);
    assert_eq!(figures.get("colloquy_run_duration_seconds_count", &[]), 3.0);
    let calls = |outcome| {
        let labels = [("provider", "scripted"), ("outcome", outcome)];
        figures.get("colloquy_model_calls_total", &labels)
    };
    let outcomes = [calls("answered"), calls("unavailable"), calls("refused")];
    assert_eq!(outcomes, [2.0, 1.0, 1.0]);
    let tokens = |direction| {
        let labels = [("provider", "scripted"), ("direction", direction)];
        figures.get("colloquy_tokens_total", &labels)
    };
    assert_eq!([tokens("input"), tokens("output")], [12.0, 3.0]);
    let provider = [("provider", "scripted")];
    let first_tokens = figures.get("colloquy_run_first_token_seconds_count", &provider);
    assert_eq!(first_tokens, 2.0);
}

async fn runs_that_are_ended_from_outside_are_counted(backend: Backend) {
    let reply = Reply::events().text("Hello").hang();
    let mut scene = Scene::with(backend, reply).await;
    let run = run_of(&scene.stream("Hi").await.next().await.unwrap());
    let cancel = scene.path(&format!("/runs/{run}/cancel"));
    for _ in 0..2 {
        scene.user.post(&cancel, Value::Null).await.expect(200);
    }
    let ended = async |scene: &Scene, status, error| {
        let figures = Figures::of(&scene.server).await;
        let labels = [("status", status), ("error", error), ("finish_reason", "")];
        let ended = figures.get("colloquy_runs_total", &labels);
        (ended, figures.sum("colloquy_runs_total"))
    };
    let cancelled = ended(&scene, "cancelled", "run_cancelled").await;
    assert_eq!(cancelled, (1.0, 1.0));

    let mut stream = scene.stream("Again").await;
    stream.next().await.unwrap();
    scene.server.kill9().await;
    scene.restart().await;
    let interrupted = ended(&scene, "failed", "interrupted").await;
    assert_eq!(
        interrupted,
        (1.0, 1.0),
        "counted by the process that found it"
    );
}

async fn tools_and_repeated_questions_are_counted(backend: Backend) {
    let scene = eventful(backend).await;
    for _ in 0..2 {
        let thread = scene.user.create_thread().await;
        ask(&scene, &thread, "What is nothing?").await;
    }
    ask(&scene, &scene.thread, "And what is that?").await;
    let thread = scene.user.create_thread().await;
    let path = format!("/threads/{thread}/messages");
    let post = scene.user.request(Method::POST, &path);
    let post = post.json(&scene.body("What is nothing?"));
    let post = post.header("cache-control", "no-cache");
    post.send().await.expect(201);

    let figures = Figures::of(&scene.server).await;
    let outcome = |name: &str, outcome| figures.get(name, &[("outcome", outcome)]);
    let tools = |it| outcome("colloquy_tool_calls_total", it);
    assert_eq!([tools("answered"), tools("invalid_arguments")], [1.0, 1.0]);
    let lookups = |it| outcome("colloquy_answer_cache_lookups_total", it);
    assert_eq!(lookups("miss"), 2.0);
    assert_eq!(lookups("exact"), 1.0);
    assert_eq!(lookups("ineligible"), 1.0);
    assert_eq!(lookups("bypassed"), 1.0);
    assert_eq!(figures.get("colloquy_answer_cache_entries", &[]), 1.0);
    assert!(figures.get("colloquy_answer_cache_bytes", &[]) > 0.0);
    // Cached answers do not come from a model.
    let name = "colloquy_run_first_token_seconds_count";
    assert_eq!(figures.sum("colloquy_runs_total"), 5.0);
    assert_eq!(figures.get(name, &[("provider", "scripted")]), 4.0);
}

/// Polls until the gauge has that value.
async fn stands(server: &Colloquy, name: &str, expected: f64) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let figures = Figures::of(server).await;
        let found = figures.get(name, &[]);
        if found == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{name} is {found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn what_is_under_way_is_shown_while_it_lasts(backend: Backend) {
    let gate = Gate::new();
    let reply = Reply::events()
        .text("Hello")
        .wait(&gate)
        .finish("stop")
        .done();
    let scene = Scene::with(backend, reply).await;
    let watcher = &scene.server;
    stands(watcher, "colloquy_runs_in_progress", 0.0).await;
    let mut stream = scene.stream("Hi").await;
    stream.next().await.unwrap();
    stands(watcher, "colloquy_runs_in_progress", 1.0).await;
    stands(watcher, "colloquy_event_streams", 1.0).await;
    let figures = Figures::of(watcher).await;
    assert!(figures.get("colloquy_http_connections", &[]) >= 1.0);
    // The stream has its head, and scrapes do not count.
    assert_eq!(figures.get("colloquy_http_requests_in_progress", &[]), 0.0);
    gate.open();
    stream.rest().await;
    stands(watcher, "colloquy_runs_in_progress", 0.0).await;
    stands(watcher, "colloquy_event_streams", 0.0).await;
    stands(watcher, "colloquy_password_hashes_waiting", 0.0).await;
}

async fn the_process_and_its_stores_are_shown(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    for _ in 0..5 {
        user.get("/assistants").await.expect(200);
    }
    let figures = Figures::of(&server).await;
    let value = |name: &str| figures.get(name, &[]);
    if cfg!(target_os = "linux") {
        assert!(value("process_resident_memory_bytes") > 1024.0 * 1024.0);
        assert!(value("process_open_fds") > 5.0);
        assert!(value("process_open_fds") < value("process_max_fds"));
    }
    let now = SystemClock.now().timestamp() as f64;
    let age = now - value("process_start_time_seconds");
    assert!((0.0..600.0).contains(&age), "{age}");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(figures.get("colloquy_build_info", &version), 1.0);

    let pool = match backend {
        Backend::Sqlite => ("pool", "sqlite_write"),
        Backend::Postgres => ("pool", "postgres"),
    };
    let connections = |state| {
        let labels = [pool, ("state", state)];
        figures.get("colloquy_database_connections", &labels)
    };
    let open = connections("idle") + connections("used");
    let max = figures.get("colloquy_database_connections_max", &[pool]);
    assert!((1.0..=max).contains(&open), "{open} of {max}");
    let tokens = [("cache", "tokens")];
    let lookups = figures.get("colloquy_read_cache_lookups_total", &tokens);
    let loads = figures.get("colloquy_read_cache_loads_total", &tokens);
    assert!(
        lookups >= 6.0 && loads >= 1.0 && loads <= lookups,
        "{loads} of {lookups}"
    );
}

async fn no_figure_tells_of_anybody(backend: Backend) {
    let scene = eventful(backend).await;
    let me = scene.user.get("/users/me").await.expect(200);
    let figures = Figures::of(&scene.server).await;
    let assistant = format!("/assistants/{}", scene.assistant);
    let assistant = scene.user.get(&assistant).await.expect(200);
    for secret in [
        "example.org",
        "ada",
        "Ada",
        text(&me["id"]),
        &scene.thread,
        &scene.assistant,
        text(&assistant["slug"]),
        scene.user.token(),
        "calculator",
        "model\"",
    ] {
        assert!(!figures.text.contains(secret), "{secret}");
    }
}
