//! Oversized request bodies.

use std::fmt;
use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::large_bodies::{Content, LargeBody, boundary};
use colloquy_tests::measure::memory::{peak, reset_peak, resident};
use colloquy_tests::on_both_backends;
use colloquy_tests::raw::{answers, upload};
use colloquy_tests::server::Colloquy;
use futures_util::future::join_all;
use serde_json::json;

on_both_backends![what_is_too_much_is_refused_and_not_held];

const KIB: u64 = 1024;
const AT_ONCE: u64 = 8;
/// Allowed memory in KiB.
const SLACK: u64 = 16 * KIB;
/// Drained bytes of a rejected body, so that its sender reads the response, plus socket buffers.
const DRAINED: u64 = (16 + 16) * KIB * KIB;

const BODIES: [LargeBody; 7] = [
    LargeBody::Announced,
    LargeBody::Chunked,
    LargeBody::Deep,
    LargeBody::Nested,
    LargeBody::Keys,
    LargeBody::Parts,
    LargeBody::Boundary,
];

struct Route {
    method: &'static str,
    path: String,
    takes: Takes,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Takes {
    Json,
    Login,
    File,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

fn routes(assistant: &str) -> [Route; 4] {
    let route = |method, path: &str, takes| Route {
        method,
        path: format!("/api/v1{path}"),
        takes,
    };
    [
        route("POST", "/auth/login", Takes::Login),
        route("POST", "/threads", Takes::Json),
        route("PATCH", &format!("/assistants/{assistant}"), Takes::Json),
        route(
            "POST",
            &format!("/assistants/{assistant}/avatar"),
            Takes::File,
        ),
    ]
}

impl Takes {
    /// Largest accepted body in KiB.
    const fn limit(self) -> u64 {
        match self {
            Self::Json => KIB,
            Self::Login => 16,
            Self::File => 5 * KIB,
        }
    }

    /// Expected rejection. Guests are rejected before their body is read.
    const fn refusal(self, body: LargeBody, is_signed_in: bool) -> (u16, &'static str) {
        const UNKNOWN: (u16, &str) = (401, "authentication_required");
        const MALFORMED: (u16, &str) = (400, "malformed_request");
        const TOO_LARGE: (u16, &str) = (413, "payload_too_large");
        const UNSUPPORTED: (u16, &str) = (415, "unsupported_media_type");
        const INVALID: (u16, &str) = (422, "validation_error");
        match (self, body) {
            (Self::Json | Self::File, _) if !is_signed_in => UNKNOWN,
            (Self::Json | Self::Login, LargeBody::Parts | LargeBody::Boundary)
            | (Self::File, LargeBody::Deep | LargeBody::Nested | LargeBody::Keys) => UNSUPPORTED,
            (Self::Json, LargeBody::Deep | LargeBody::Nested)
            | (Self::File, LargeBody::Boundary) => MALFORMED,
            (Self::File, LargeBody::Parts) => INVALID,
            _ => TOO_LARGE,
        }
    }
}

/// Its content type, if the route accepts it.
fn media_type(body: LargeBody, takes: Takes) -> String {
    match (body, takes) {
        (LargeBody::Announced | LargeBody::Chunked, Takes::Login) => {
            "application/x-www-form-urlencoded".to_owned()
        }
        (LargeBody::Announced | LargeBody::Chunked, Takes::File) | (LargeBody::Parts, _) => {
            "multipart/form-data; boundary=x".to_owned()
        }
        (LargeBody::Boundary, _) => format!("multipart/form-data; boundary={}", boundary()),
        _ => "application/json".to_owned(),
    }
}

async fn what_is_too_much_is_refused_and_not_held(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let assistant = server.assistant("Guide").await;
    let thread = admin.create_thread().await;
    let routes = routes(&assistant);
    // Warm-up.
    for route in &routes {
        send_at_once(&server, &admin, route, LargeBody::Keys).await;
    }
    let mut seen = Seen::default();
    for body in BODIES {
        for route in &routes {
            seen = seen.and(send_at_once(&server, &admin, route, body).await);
        }
    }
    seen.tell();
    admin.post("/threads", json!({})).await.expect(201);
    let threads = admin.get("/threads").await.expect(200);
    assert_eq!(threads.as_array().unwrap().len(), 2);
    assert_eq!(text(&threads[1]["id"]), thread);
}

/// Sends half as administrator and half as guest, with another client reading.
async fn send_at_once(server: &Colloquy, admin: &Client, route: &Route, body: LargeBody) -> Seen {
    let before = resident(server);
    reset_peak(server);
    let content = body.content();
    let others = async {
        for _ in 0..4 {
            server.guest().get("/assistants").await.expect(200);
        }
    };
    let sent = (0..AT_ONCE).map(async |number| {
        let token = (number % 2 == 0).then(|| admin.token());
        let about = format!("{body:?} to {route}, signed in: {}", token.is_some());
        let head = head(route, body, token, &content);
        let begin = Instant::now();
        let (sent, back) = upload(server.address(), &head, content.pieces()).await;
        let answered_within = begin.elapsed();
        let limit = content.bytes().min(DRAINED);
        assert!(sent <= limit, "{about}: {sent} bytes sent");
        let refusal = route.takes.refusal(body, token.is_some());
        judge(&about, &answers(&about, &back), refusal);
        Seen {
            sent,
            answered_within,
            memory: 0,
        }
    });
    let (sent, ()) = tokio::join!(join_all(sent), others);
    let most = route.takes.limit() * AT_ONCE + SLACK;
    let memory = peak(server).saturating_sub(before);
    assert!(memory <= most, "{body:?} to {route}: {memory} KiB more");
    let seen = Seen {
        memory,
        ..Seen::default()
    };
    sent.into_iter().fold(seen, Seen::and)
}

#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    /// Body bytes.
    sent: u64,
    answered_within: Duration,
    /// Additional KiB.
    memory: u64,
}

impl Seen {
    fn and(self, other: Self) -> Self {
        Self {
            sent: self.sent.max(other.sent),
            answered_within: self.answered_within.max(other.answered_within),
            memory: self.memory.max(other.memory),
        }
    }

    #[expect(clippy::print_stdout, reason = "part of the test's output")]
    fn tell(self) {
        println!("{self:?}");
    }
}

fn judge(about: &str, answers: &[Response], (status, code): (u16, &str)) {
    let [answer] = answers else {
        panic!("{about}: {answers:?}");
    };
    let problem = answer.any_problem();
    let found = (answer.status, text(&problem["code"]));
    assert_eq!(found, (status, code), "{about}");
}

fn head(route: &Route, body: LargeBody, token: Option<&str>, content: &Content) -> Vec<u8> {
    let media_type = media_type(body, route.takes);
    let length = body.length_header(content);
    let token = token.map(|token| format!("authorization: Bearer {token}\r\n"));
    let token = token.unwrap_or_default();
    let head = format!(
        "{route} HTTP/1.1\r\nhost: x\r\ncontent-type: {media_type}\r\n{length}\r\n{token}\r\n"
    );
    head.into_bytes()
}
