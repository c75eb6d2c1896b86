//! Properties of all responses, and routes outside the API.

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::on_both_backends;
use colloquy_tests::server::{Colloquy, PASSWORD};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::operations::{document, documented};

on_both_backends![
    what_does_not_exist_is_a_problem_too,
    a_wrong_method_names_the_right_ones,
    a_trailing_slash_never_matters,
    a_sane_request_id_is_taken_over,
    a_body_is_json_within_limits,
    no_body_breaks_an_operation,
    no_bytes_break_the_service,
    the_service_says_that_it_is_well,
    the_document_describes_the_api,
    other_origins_have_no_access_unless_listed,
    answers_are_not_guessed_at_or_kept,
    one_address_takes_at_most_half_of_the_requests,
];

async fn what_does_not_exist_is_a_problem_too(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let guest = server.guest();
    for path in ["/nothing", "/threads/x/y/z", "/assistants/a/b"] {
        guest.get(path).await.problem(404, "entity_not_found");
    }
    for path in ["/", "/nothing", "/api", "/api/v2/threads", "/favicon.ico"] {
        let absent = guest.root().get(path).await;
        absent.problem(404, "entity_not_found");
    }
}

async fn a_wrong_method_names_the_right_ones(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let request = server.guest().request(Method::DELETE, "/assistants");
    let refused = request.send().await;
    let mut allowed: Vec<&str> = refused.header("allow").unwrap().split(',').collect();
    allowed.retain(|method| !["HEAD", "OPTIONS"].contains(method));
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "POST"]);
    refused.problem(405, "method_not_allowed");
    for method in ["PROPFIND", "TRACE"] {
        let request = server
            .guest()
            .request(method.parse().unwrap(), "/assistants");
        request.send().await.problem(405, "method_not_allowed");
    }
}

async fn a_trailing_slash_never_matters(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    for path in [
        "/users/me".to_owned(),
        format!("/threads/{thread}"),
        "/assistants".to_owned(),
        "/threads".to_owned(),
        format!("/threads/{thread}/messages"),
    ] {
        let without = user.get(&path).await.expect(200);
        assert_eq!(user.get(&format!("{path}/")).await.expect(200), without);
        if without.is_array() {
            user.get(&format!("{path}/?limit=1")).await.expect(200);
        }
    }
    user.post("/threads/", json!({})).await.expect(201);
    user.root().get("/health/live/").await.expect(200);
}

async fn a_sane_request_id_is_taken_over(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let send = async |path: &str, id: &str| {
        let request = server.guest().request(Method::GET, path);
        let answer = request.header("x-request-id", id).send().await;
        answer.header("x-request-id").unwrap().to_owned()
    };
    for path in ["/assistants", "/nothing", "/threads"] {
        for id in ["abc-123", "0190a1b2-c3d4-7000-8000-00000000000f"] {
            assert_eq!(send(path, id).await, id);
        }
        for id in ["", "a b", "a\tb", "é", &"x".repeat(1000), "<script>"] {
            let given = send(path, id).await;
            assert_ne!(given, id);
            assert!(!given.is_empty());
        }
    }
    let one = server.guest().get("/assistants").await;
    let other = server.guest().get("/assistants").await;
    assert_ne!(one.header("x-request-id"), other.header("x-request-id"));
}

async fn a_body_is_json_within_limits(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    let post = user.request(Method::POST, "/threads");
    let json = "application/json";
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for malformed in ["", "{", "{\"name\": \"x\",}", "name=x", "{} {}", &deep] {
        let answer = post.clone().body(json, malformed.to_owned()).send().await;
        answer.problem(400, "malformed_request");
    }
    let not_text = post.clone().body(json, &b"{\"name\": \"\xff\"}"[..]);
    not_text.send().await.problem(400, "malformed_request");
    for media_type in ["text/plain", "application/xml", "multipart/form-data", "x"] {
        let answer = post.clone().body(media_type, "{}").send().await;
        answer.problem(415, "unsupported_media_type");
    }
    let with_charset = post.clone().body("application/json; charset=utf-8", "{}");
    with_charset.send().await.expect(201);
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1 << 20));
    let large = post.body(json, large).send().await;
    large.problem(413, "payload_too_large");
    let password = "x".repeat(1 << 20);
    let login = server.guest().log_in("ada@example.org", &password).await;
    login.problem(413, "payload_too_large");
}

async fn no_body_breaks_an_operation(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let operations = documented(&document(&admin).await);
    let many = format!("{{{}\"z\":1}}", "\"a\":1,".repeat(50_000));
    for operation in operations {
        if operation.method == "GET" || operation.path == "/auth/logout" {
            continue;
        }
        for body in [
            "",
            "null",
            "[]",
            "{}",
            "7",
            "\"x\"",
            "[null]",
            "{\"\":{}}",
            &many,
        ] {
            for media_type in ["application/json", "application/x-www-form-urlencoded"] {
                // Unread bodies may end the connection, so each request has its own.
                let is_read = operation.method != "DELETE" && media_type == "application/json";
                if !is_read && body.len() > 10 {
                    continue;
                }
                let request = operation.of_nothing(&admin.at(server.origin()));
                let answer = request.body(media_type, body.to_owned()).send().await;
                let about = format!("{operation} {media_type} {}", answer.text());
                assert!(answer.status < 500, "{about}");
                if answer.status >= 400 {
                    let _ = answer.any_problem();
                }
            }
        }
    }
}

async fn no_bytes_break_the_service(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let address = server.origin().strip_prefix("http://").unwrap();
    let header = format!(
        "GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(1 << 20)
    );
    let requests: [&[u8]; 12] = [
        b"\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://example.org/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/v1/assistants?limit=%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /api/v1/assistants/%ff%00 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        header.as_bytes(),
    ];
    for request in requests {
        let mut connection = TcpStream::connect(address).await.unwrap();
        // The service may close early.
        let _ = connection.write_all(request).await;
        let _ = connection.shutdown().await;
        let mut answer = Vec::new();
        let _ = connection.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(refused, "{}: {answer}", String::from_utf8_lossy(request));
    }
    server.guest().get("/assistants").await.expect(200);
}

async fn the_service_says_that_it_is_well(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let root = server.guest().root();
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(root.get(path).await.expect(200)["status"], "ok");
    }
}

async fn the_document_describes_the_api(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let document = document(&server.guest()).await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let id = &operation["operationId"];
            assert!(!text(id).is_empty(), "{path}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{path}"
            );
        }
    }
    assert_eq!(
        dangling_references(&document, &document),
        Vec::<String>::new()
    );
    let docs = server.guest().root().get("/docs").await;
    assert_eq!(docs.status, 200);
    assert!(
        docs.header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert!(docs.text().contains("<html"));
}

fn dangling_references(document: &serde_json::Value, part: &serde_json::Value) -> Vec<String> {
    let inner: Vec<&serde_json::Value> = match part {
        serde_json::Value::Object(members) => members.values().collect(),
        serde_json::Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    let own = part.get("$ref").and_then(serde_json::Value::as_str);
    let dangling = own.filter(|target| document.pointer(&target[1..]).is_none());
    let mut found: Vec<String> = dangling.map(ToOwned::to_owned).into_iter().collect();
    found.extend(
        inner
            .into_iter()
            .flat_map(|part| dangling_references(document, part)),
    );
    found
}

async fn other_origins_have_no_access_unless_listed(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let listed = "https://chat.example.org";
    let server = site
        .env("COLLOQUY_HTTP__CORS_ORIGINS", listed)
        .serve()
        .await;
    let ask = async |origin: &str| {
        let request = server.guest().request(Method::OPTIONS, "/threads");
        let answer = request
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type",
            )
            .send()
            .await;
        assert!(answer.status < 500);
        let allowed = answer.header("access-control-allow-origin");
        allowed.map(ToOwned::to_owned)
    };
    assert_eq!(ask(listed).await.as_deref(), Some(listed));
    assert_eq!(ask("https://evil.example.org").await, None);
    assert_eq!(ask("null").await, None);
    let request = server.guest().request(Method::GET, "/assistants");
    let answer = request.header("origin", listed).send().await;
    assert_eq!(answer.header("access-control-allow-origin"), Some(listed));
    let exposed = answer.header("access-control-expose-headers").unwrap();
    for name in ["etag", "link", "location", "retry-after", "x-request-id"] {
        assert!(exposed.split(',').any(|it| it == name), "{name}: {exposed}");
    }

    let closed = Colloquy::start(backend).await;
    let request = closed.guest().request(Method::GET, "/assistants");
    let answer = request.header("origin", listed).send().await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

async fn answers_are_not_guessed_at_or_kept(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    for path in ["/users/me", "/threads", "/nothing"] {
        let answer = user.get(path).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

async fn one_address_takes_at_most_half_of_the_requests(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let site = site.env("COLLOQUY_HTTP__TRUSTED_PROXIES", "127.0.0.0/8, ::1");
    let server = site.env("COLLOQUY_HTTP__MAX_REQUESTS", "8").serve().await;
    let (busy, other) = (server.user("busy").await, server.user("other").await);
    // Password checks are slow and keep their requests in progress.
    let change = json!({"password": PASSWORD, "current_password": PASSWORD});
    let changes = join_all((0..40).map(async |_| {
        let change = busy.request(Method::PATCH, "/users/me").json(&change);
        let change = change.header("x-forwarded-for", "203.0.113.1");
        change.send().await.status
    }));
    let reads = async {
        for _ in 0..40 {
            let read = other.request(Method::GET, "/users/me");
            let read = read.header("x-forwarded-for", "203.0.113.2");
            read.send().await.expect(200);
        }
    };
    let (statuses, ()) = tokio::join!(changes, reads);
    let refused = statuses.iter().filter(|status| **status == 503).count();
    assert!((1..=36).contains(&refused), "{statuses:?}");
    let again = busy.request(Method::GET, "/users/me");
    again
        .header("x-forwarded-for", "203.0.113.1")
        .send()
        .await
        .expect(200);
}
