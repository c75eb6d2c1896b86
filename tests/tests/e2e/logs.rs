//! Structured (JSON) logs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, Request, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Gate, Reply};
use colloquy_tests::on_both_backends;
use colloquy_tests::raw::exchange;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, PASSWORD};
use hyper::Method;
use serde_json::{Value, json};

use crate::scene::{Scene, run_of};

on_both_backends![
    every_line_of_a_request_names_it,
    every_line_of_a_run_names_it_and_the_request_that_it_began_with,
    a_stream_that_goes_on_names_its_request,
    signing_in_is_told_with_who_did,
    what_is_refused_is_told_with_whom,
    what_administrators_do_is_told_with_who_did,
    what_people_write_forges_no_line_and_is_in_none,
    no_break_in_a_name_or_a_header_begins_a_line,
];

/// Maximum time for a line to appear.
const PATIENCE: Duration = Duration::from_secs(10);

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

/// The lines after the first `skipped`.
fn lines(server: &Colloquy, skipped: usize) -> Vec<Value> {
    let log = server.log();
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let parsed = lines.map(read);
    parsed.skip(skipped).collect()
}

/// The lines after the first `skipped`, once one matches.
async fn lines_until(
    server: &Colloquy,
    skipped: usize,
    is_wanted: impl Fn(&Value) -> bool,
) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lines = lines(server, skipped);
        if lines.iter().any(&is_wanted) {
            return lines;
        }
        assert!(Instant::now() < deadline, "no such line: {lines:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn message(line: &Value) -> &str {
    text(&line["fields"]["message"])
}

/// A field of the named enclosing span.
fn in_span<'a>(line: &'a Value, span: &str, field: &str) -> Option<&'a str> {
    let mut spans = line["spans"].as_array()?.iter();
    let span = spans.find(|it| it["name"] == span)?;
    span[field].as_str()
}

fn request_of(line: &Value) -> Option<&str> {
    in_span(line, "request", "request.id")
}

fn is_answer_to(line: &Value, request: &str) -> bool {
    message(line) == "answered" && request_of(line) == Some(request)
}

trait Named {
    fn named(self, id: &str) -> Self;
}

impl Named for Request {
    fn named(self, id: &str) -> Self {
        self.header("x-request-id", id)
    }
}

async fn every_line_of_a_request_names_it(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let user = server.user("ada").await;
    let me = user.get("/users/me").await.expect(200);
    // All later lines belong to one of these requests.
    let before = lines(&server, 0).len();
    let answers = [
        (user.request(Method::GET, "/users/me").named("one"), 200),
        (user.request(Method::GET, "/users").named("two"), 403),
        (
            user.root().request(Method::GET, "/nonsense").named("three"),
            404,
        ),
        (
            server
                .guest()
                .request(Method::GET, "/threads")
                .named("four"),
            401,
        ),
        (
            server
                .guest()
                .request(Method::POST, "/auth/login")
                .form(&[("username", "ada@example.org"), ("password", "wrong")])
                .named("five"),
            401,
        ),
        (
            admin
                .request(Method::POST, "/assistants")
                .json(&json!({"name": "Six", "model": "echo::echo"}))
                .named("six"),
            201,
        ),
    ];
    for (request, status) in answers {
        request.send().await.expect(status);
    }
    let lines = lines_until(&server, before, |line| is_answer_to(line, "six")).await;
    let requests: Vec<&str> = lines
        .iter()
        .map(|line| request_of(line).unwrap_or_else(|| panic!("of no request: {line}")))
        .collect();
    let distinct: BTreeSet<&str> = requests.iter().copied().collect();
    let expected = ["five", "four", "one", "six", "three", "two"];
    // The earlier reading may lack its last line.
    assert!(distinct.is_superset(&expected.into()), "{requests:?}");
    let user = |request| {
        let mut lines = lines.iter();
        let line = lines.find(|line| is_answer_to(line, request)).unwrap();
        in_span(line, "request", "user.id")
    };
    assert_eq!(user("one"), me["id"].as_str());
    assert_eq!(user("four"), None);
}

async fn every_line_of_a_run_names_it_and_the_request_that_it_began_with(backend: Backend) {
    let replies = [
        Reply::status(503),
        Reply::calls(&[("a", "nothing", "{}")]),
        Reply::status(400),
    ];
    let scene = Scene::with(backend, replies).await;
    let path = scene.path("/messages");
    let post = scene.user.request(Method::POST, &path);
    let post = post.json(&scene.body("Hi")).named("beginning");
    let later = post.header("prefer", "respond-async");
    let started = later.send().await.expect(202);
    let run = text(&started["run"]["id"]);
    let ended = |line: &Value| message(line) == "run ended";
    let lines = lines_until(&scene.server, 0, ended).await;
    let of_runs: Vec<&Value> = lines
        .iter()
        .filter(|line| in_span(line, "run", "run.id").is_some())
        .collect();
    let said: Vec<&str> = of_runs.iter().map(|line| message(line)).collect();
    assert_eq!(
        said,
        ["retrying model call", "model call failed", "run ended"]
    );
    for line in of_runs {
        assert_eq!(in_span(line, "run", "run.id"), Some(run));
        assert_eq!(request_of(line), Some("beginning"));
    }
}

async fn a_stream_that_goes_on_names_its_request(backend: Backend) {
    let gate = Gate::new();
    let reply = Reply::events()
        .text("Hello")
        .wait(&gate)
        .finish("stop")
        .done();
    let scene = Scene::with(backend, reply).await;
    let watcher = scene.server.user("watcher").await;
    let admin = scene.server.admin().await;
    let id = watcher.get("/users/me").await.expect(200)["id"].clone();
    let path = format!("/users/{}", text(&id));
    let become_one = async |role| admin.patch(&path, json!({"role": role})).await.expect(200);
    become_one("admin").await;
    crate::answer_soon(&watcher, "/users", 200).await;
    let mut stream = scene.stream("Hi").await;
    let run = run_of(&stream.next().await.unwrap());
    let events = scene.path(&format!("/runs/{run}/events"));
    let follow = watcher.request(Method::GET, &events).named("following");
    let followed = follow.events().await;
    become_one("user").await;
    followed.rest().await;
    let denied = |line: &Value| line["fields"]["action"] == "view_thread";
    let lines = lines_until(&scene.server, 0, denied).await;
    let denied: Vec<&Value> = lines.iter().filter(|line| denied(line)).collect();
    assert_eq!(denied.len(), 1, "{denied:#?}");
    assert_eq!(request_of(denied[0]), Some("following"));
    assert_eq!(denied[0]["fields"]["actor.id"], id);
    gate.open();
}

/// The audit lines after the first `skipped`, once the request is logged.
async fn audited(server: &Colloquy, skipped: usize, last_request: &str) -> Vec<Value> {
    let is_last = |line: &Value| is_answer_to(line, last_request);
    let lines = lines_until(server, skipped, is_last).await;
    let audited = lines.into_iter().filter(|line| line["target"] == "audit");
    audited
        .map(|line| {
            assert_eq!(line["level"], "INFO", "{line}");
            line["fields"].clone()
        })
        .collect()
}

async fn last(client: &Client) -> &'static str {
    let request = client.root().request(Method::GET, "/health/live");
    request.named("last").send().await.expect(200);
    "last"
}

async fn signing_in_is_told_with_who_did(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let me = user.get("/users/me").await.expect(200)["id"].clone();
    let guest = server.guest();
    let before = lines(&server, 0).len();
    guest.log_in("ada@example.org", "wrong").await.expect(401);
    guest
        .log_in("nobody@example.org", PASSWORD)
        .await
        .expect(401);
    let again = guest.sign_in("ADA@example.org", PASSWORD).await;
    again.post("/auth/logout", Value::Null).await.expect(204);
    let said = audited(&server, before, last(&guest).await).await;
    let refused = "sign-in refused";
    assert_eq!(
        said[..2],
        [
            json!({"message": refused, "actor.kind": "guest", "account.id": me}),
            json!({"message": refused, "actor.kind": "guest"}),
        ]
    );
    for (line, message) in said[2..].iter().zip(["signed in", "signed out"]) {
        assert_eq!(line["message"], message);
        assert_eq!(line["actor.kind"], "user");
        assert_eq!(line["actor.id"], me);
        assert_eq!(line["token.id"], said[2]["token.id"]);
    }
    assert_eq!(said.len(), 4, "{said:#?}");
}

async fn what_is_refused_is_told_with_whom(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let me = bob.get("/users/me").await.expect(200)["id"].clone();
    let assistant = server.assistant("Tested").await;
    let thread = ada.create_thread().await;
    let guest = server.guest();
    let before = lines(&server, 0).len();
    bob.get(&format!("/threads/{thread}")).await.expect(404);
    bob.say(&thread, &assistant, "Hi").await.expect(404);
    bob.get("/users").await.expect(403);
    bob.delete(&format!("/assistants/{assistant}"))
        .await
        .expect(403);
    guest.get("/threads").await.expect(401);
    guest
        .with_token("clq_nonsense")
        .get("/users/me")
        .await
        .expect(401);
    // Absent and others' resources are denied alike; denials name nothing hidden.
    bob.get(&format!("/threads/{}", crate::ABSENT))
        .await
        .expect(404);
    bob.get(&format!("/assistants/{assistant}"))
        .await
        .expect(200);
    let said = audited(&server, before, last(&guest).await).await;
    let denied = |action, reason| {
        json!({"message": "access denied", "actor.kind": "user", "actor.id": me,
            "action": action, "reason": reason})
    };
    let unknown = json!({"message": "access denied", "actor.kind": "guest",
        "action": "authenticate", "reason": "unauthenticated"});
    assert_eq!(
        said,
        [
            denied("view_thread", "hidden"),
            denied("create_message", "hidden"),
            denied("manage_users", "forbidden"),
            denied("manage_assistants", "forbidden"),
            unknown.clone(),
            unknown,
            denied("view_thread", "hidden"),
        ]
    );
}

async fn what_administrators_do_is_told_with_who_did(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let me = admin.get("/users/me").await.expect(200)["id"].clone();
    let before = lines(&server, 0).len();
    let id = |resource: &Value| text(&resource["id"]).to_owned();

    let user = json!({"email": "eve@example.org", "password": PASSWORD});
    let user = id(&admin.post("/users", user).await.expect(201));
    let path = format!("/users/{user}");
    admin
        .patch(&path, json!({"role": "admin"}))
        .await
        .expect(200);
    let change = json!({"is_active": false, "password": "another long password"});
    admin.patch(&path, change).await.expect(200);
    admin.delete(&path).await.expect(204);

    let assistant = id(&admin.create_assistant(json!({"name": "Tested"})).await);
    let path = format!("/assistants/{assistant}");
    admin
        .patch(&path, json!({"name": "Renamed"}))
        .await
        .expect(200);
    admin.delete(&format!("{path}/cache")).await.expect(200);
    admin.delete(&path).await.expect(204);

    let key = admin.post("/users/me/tokens", json!({"name": "key"})).await;
    let key = id(&key.expect(201));
    admin
        .delete(&format!("/users/me/tokens/{key}"))
        .await
        .expect(204);

    let said = audited(&server, before, last(&admin).await).await;
    let of_user = |role, is_active, password_changed| {
        json!({"message": "account changed", "user.id": user, "user.role": role,
            "user.is_active": is_active, "user.password_changed": password_changed,
            "user.api_keys_revoked": false})
    };
    let of_assistant = |message| json!({"message": message, "assistant.id": assistant});
    let of_token = |message| json!({"message": message, "user.id": me, "token.id": key});
    let mut expected = [
        json!({"message": "account created", "user.id": user, "user.role": "user"}),
        of_user("admin", true, false),
        of_user("admin", false, true),
        json!({"message": "account deleted", "user.id": user}),
        of_assistant("assistant created"),
        of_assistant("assistant changed"),
        of_assistant("answers purged"),
        of_assistant("assistant deleted"),
        of_token("API key created"),
        of_token("token revoked"),
    ];
    for line in &mut expected {
        line["actor.kind"] = "user".into();
        line["actor.id"] = me.clone();
    }
    assert_eq!(said, expected);
}

async fn what_people_write_forges_no_line_and_is_in_none(backend: Backend) {
    let forged = "x\n{\"level\":\"ERROR\",\"fields\":{\"message\":\"forged\"}}\r\n\u{2028}forged";
    let scene = Scene::with(backend, Reply::answer("Something private")).await;
    let admin = scene.server.admin().await;
    let path = format!("/assistants/{}", scene.assistant);
    let change = json!({
        "instructions": format!("Do as I say. {forged}"),
        "description": forged,
        "configuration": {"tags": [forged]},
    });
    // Names that the API rejects are logged as rejections.
    admin.patch(&path, change).await;
    let change = json!({"instructions": format!("Do as I say. {forged}"), "description": forged});
    admin.patch(&path, change).await;
    for resource in ["/users", "/assistants", "/threads", "/users/me/tokens"] {
        let name = json!({"name": forged, "email": forged, "password": forged, "model": forged});
        admin.post(resource, name).await;
    }
    scene.user.get("/threads?cursor=%0aforged").await;
    scene.user.get("/nonsense%0aforged").await;
    let guest = scene.server.guest();
    guest.log_in(forged, forged).await.expect(401);
    let path = scene.path("/messages");
    let post = scene.user.request(Method::POST, &path);
    let post = post.json(&scene.body(&format!("My secret. {forged}")));
    post.header("user-agent", "forged").send().await.expect(201);
    last(&guest).await;
    lines_until(&scene.server, 0, |line| is_answer_to(line, "last")).await;

    // The startup output, with the administrator, is no log.
    let log = scene.server.log();
    let log: String = log
        .split_inclusive('\n')
        .filter(|line| line.starts_with('{') || line.contains("forged"))
        .collect();
    for line in log.lines().filter(|line| line.contains("forged")) {
        let line = read(line);
        assert_ne!(message(&line), "forged");
        // Tags are escaped.
        assert!(in_span(&line, "run", "run.id").is_some(), "{line}");
    }
    for secret in [
        PASSWORD,
        ADMIN_EMAIL,
        "ada@example.org",
        "Do as I say",
        "My secret",
        "Something private",
        scene.user.token(),
        admin.token(),
    ] {
        assert!(!log.contains(secret), "{secret}");
    }
}

/// Line terminators and invisible control characters.
const BREAKS: [&str; 10] = [
    "\n",
    "\r\n",
    "\r",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{1b}[2K\u{1b}[1A",
    "\0\n",
];

async fn no_break_in_a_name_or_a_header_begins_a_line(backend: Backend) {
    for format in ["json", "pretty"] {
        let site = Colloquy::installed(backend).await;
        let site = site.env("COLLOQUY_LOG_FORMAT", format);
        let server = site.env("COLLOQUY_LOG", "debug").serve().await;
        send_breaks(&server).await;
        let line = match format {
            "json" => "\"status\":200",
            _ => "answered status=200",
        };
        let is_last =
            |log: &str| log.contains("request.id\":\"last\"") || log.contains("request.id=last");
        let deadline = Instant::now() + PATIENCE;
        while !is_last(&server.log()) {
            assert!(Instant::now() < deadline, "{}", server.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = server.log();
        assert!(log.contains(line), "{log}");
        let odd =
            log.find(|c: char| c != '\n' && (c.is_control() || "\u{2028}\u{2029}".contains(c)));
        assert_eq!(
            odd.map(|at| &log[at.saturating_sub(200)..]),
            None,
            "{format}"
        );
        // The startup output is no log.
        let (lines, told): (Vec<&str>, Vec<&str>) = log.lines().partition(|line| match format {
            "json" => line.starts_with('{'),
            _ => line.starts_with("20"),
        });
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(!told.concat().contains("forged"), "{told:?}");
        if format == "json" {
            for line in lines {
                assert_ne!(read(line)["fields"]["message"], "forged");
            }
        }
    }
}

/// Sends a hundred such names and headers.
async fn send_breaks(server: &Colloquy) {
    let forged = [
        "{\"level\":\"ERROR\",\"fields\":{\"message\":\"forged\"}}",
        "1999-01-01T00:00:00.000000Z ERROR audit: forged",
    ];
    let admin = server.admin().await;
    let assistant = server.assistant("Guide").await;
    let thread = admin.create_thread().await;
    for end in BREAKS {
        for forged in forged {
            let name = format!("x{end}{forged}{end}");
            let fields = json!({"name": name, "email": name, "password": name, "model": name,
                "content": name, "assistant_id": name, "description": name});
            let messages = format!("/threads/{thread}/messages");
            for path in [
                "/users",
                "/assistants",
                "/threads",
                "/users/me/tokens",
                &messages,
            ] {
                admin.post(path, fields.clone()).await;
            }
            let change = json!({"description": name, "instructions": name});
            let path = format!("/assistants/{assistant}");
            admin.patch(&path, change).await;
            server.guest().log_in(&name, &name).await;
            let escaped: String = name.bytes().map(|byte| format!("%{byte:02x}")).collect();
            admin.get(&format!("/assistants/{escaped}?{escaped}")).await;
            let mut head = b"GET /api/v1/assistants HTTP/1.1\r\nhost: x\r\nx-request-id: ".to_vec();
            head.extend(name.as_bytes());
            head.extend(b"\r\nuser-agent: ");
            head.extend(name.as_bytes());
            head.extend(b"\r\nconnection: close\r\n\r\n");
            exchange(server.address(), &head).await;
            let method = format!("X{end}{forged} / HTTP/1.1\r\n\r\n");
            exchange(server.address(), method.as_bytes()).await;
        }
    }
    last(&server.guest()).await;
}
