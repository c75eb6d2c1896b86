//! Behaviour common to all routes.

use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use axum::body::{Body, Bytes};
use axum::http::Method;
use colloquy_application::ports::{
    HealthCheck, PortError, ThreadChanges, ThreadQuery, ThreadRepository, ThreadScope,
};
use colloquy_application::system::UuidV7Generator;
use colloquy_domain::{Thread, ThreadId};
use colloquy_http::HttpOptions;
use futures_util::stream;
use serde_json::json;

use crate::support::Api;

#[tokio::test]
async fn unknown_routes_are_problems() {
    let api = Api::new();
    for path in [
        "/",
        "/nonsense",
        "/api/v1",
        "/api/v1/nonsense",
        "/api/v2/threads",
        "/docs/x",
    ] {
        let answer = api.raw(Method::GET, path).send().await;
        answer.problem(404, "entity_not_found");
    }
}

#[tokio::test]
async fn wrong_methods_are_problems_that_name_the_right_ones() {
    let api = Api::new();
    for (method, path, allowed) in [
        (Method::DELETE, "/api/v1/assistants", "GET,HEAD,POST"),
        (
            Method::POST,
            "/api/v1/assistants/x",
            "DELETE,GET,HEAD,PATCH,PUT",
        ),
        (Method::PATCH, "/api/v1/threads/x/messages", "GET,HEAD,POST"),
        (Method::OPTIONS, "/api/v1/users/me", "GET,HEAD,PATCH"),
        (Method::POST, "/health/live", "GET,HEAD"),
        (Method::from_bytes(b"BREW").unwrap(), "/docs", "GET,HEAD"),
    ] {
        let answer = api.raw(method, path).send().await;
        answer.problem(405, "method_not_allowed");
        let mut methods: Vec<_> = answer.header("allow").unwrap().split(',').collect();
        methods.sort_unstable();
        assert_eq!(methods.join(","), allowed, "{path}");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_are_malformed() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let deep = "[".repeat(100_000);
    for body in [
        &b""[..],
        b"{",
        b"{} {}",
        b"{\"name\": \"\xff\"}",
        b"{\"name\": \"\\ud800\"}",
        b"nonsense",
        deep.as_bytes(),
    ] {
        let call = api.post("/threads").by(&user);
        let answer = call.body("application/json", body.to_vec()).send().await;
        answer.problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn json_that_is_no_object_breaks_a_rule() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    for body in [
        json!(null),
        json!([]),
        json!([{"name": "x"}]),
        json!("x"),
        json!(1),
    ] {
        let answer = api.post("/threads").by(&user).json(&body).send().await;
        assert_eq!(answer.invalid_fields(), [" wrong_type"]);
    }
}

#[tokio::test]
async fn bodies_of_other_media_types_are_not_taken() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let post = |media_type: &str| api.post("/threads").by(&user).body(media_type, "{}").send();
    for media_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "nonsense",
        "",
    ] {
        post(media_type)
            .await
            .problem(415, "unsupported_media_type");
    }
    for media_type in ["application/json", "Application/JSON; charset=utf-8"] {
        post(media_type).await.ok(201);
    }
    let without = api.post("/auth/login").send().await;
    without.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_with_or_without_its_length() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let post = |body: Body| {
        api.post("/threads")
            .by(&user)
            .body("application/json", body)
            .send()
    };
    let chunk = Bytes::from(vec![b' '; 64 * 1024]);
    let endless = stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
    post(Body::from_stream(endless))
        .await
        .problem(413, "payload_too_large");
    let announced = api
        .post("/threads")
        .by(&user)
        .header("content-length", "99999999999");
    let announced = announced.body("application/json", Body::empty());
    announced.send().await.problem(413, "payload_too_large");
    let largest = format!("{{\"name\": \"x\"}}{}", " ".repeat(1024 * 1024 - 13));
    post(Body::from(largest.clone())).await.ok(201);
    post(Body::from(format!("{largest} ")))
        .await
        .problem(413, "payload_too_large");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let silent = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let call = api
        .post("/threads")
        .by(&user)
        .body("application/json", silent);
    call.send().await.problem(400, "malformed_request");
    let broken = stream::iter([Err::<Bytes, _>(std::io::Error::other("reset"))]);
    let call = api.post("/threads").by(&user);
    let call = call.body("application/json", Body::from_stream(broken));
    call.send().await.problem(400, "malformed_request");
}

#[tokio::test]
async fn no_answer_lists_more_than_a_hundred_errors() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let members = (0..1_000).map(|number| (format!("field{number}"), json!(1)));
    let body = serde_json::Value::Object(members.collect());
    let answer = api.post("/threads").by(&user).json(&body).send().await;
    assert_eq!(answer.invalid_fields().len(), 100);
}

struct Hangs;

#[async_trait]
impl ThreadRepository for Hangs {
    async fn add(&self, _: &Thread) -> Result<(), PortError> {
        pending().await
    }

    async fn get(&self, _: ThreadId, _: &ThreadScope) -> Result<Option<Thread>, PortError> {
        pending().await
    }

    async fn list(&self, _: &ThreadQuery) -> Result<Vec<Thread>, PortError> {
        pending().await
    }

    async fn update(&self, _: ThreadId, _: &ThreadChanges) -> Result<Thread, PortError> {
        pending().await
    }

    async fn delete(&self, _: ThreadId) -> Result<(), PortError> {
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_takes_too_long_is_given_up() {
    let api = Api::with(|ports| ports.stores.threads = Arc::new(Hangs), |_| {});
    let user = api.user("ada@example.org").await;
    let answer = api.get("/threads").by(&user).send().await;
    answer.problem(503, "service_unavailable");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_store_that_is_away_is_said_to_be_unavailable_without_details() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    api.store.set_down(true);
    for call in [api.get("/assistants"), api.get("/threads").by(&user)] {
        let answer = call.send().await;
        answer.problem(503, "service_unavailable");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(!format!("{answer:?}").contains("store"));
    }
}

struct Panics;

#[async_trait]
impl HealthCheck for Panics {
    fn name(&self) -> &'static str {
        "panics"
    }

    async fn check(&self) -> Result<(), PortError> {
        panic!("the secret of the panic")
    }
}

#[tokio::test]
async fn a_panic_ends_its_own_request_only_and_tells_nothing() {
    let mut api = Api::new();
    let options = HttpOptions::new(Arc::new(UuidV7Generator));
    api.router = colloquy_http::router(api.use_cases.clone(), vec![Arc::new(Panics)], options);
    for _ in 0..2 {
        let answer = api.raw(Method::GET, "/health/ready").send().await;
        answer.problem(500, "internal_error");
        assert!(!format!("{answer:?}").contains("secret"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    api.raw(Method::GET, "/health/live").send().await.ok(200);
}

#[tokio::test]
async fn a_sane_request_id_is_taken_over_and_another_is_replaced() {
    let api = Api::new();
    let longest = "x".repeat(128);
    for sane in ["a", "Trace-1.2_3", &longest] {
        for path in ["/health/live", "/nonsense"] {
            let call = api.raw(Method::GET, path).header("x-request-id", sane);
            assert_eq!(call.send().await.header("x-request-id"), Some(sane));
        }
    }
    let too_long = "x".repeat(129);
    let mut seen = Vec::new();
    for other in ["", "two words", "a\"b", "<a>", &too_long] {
        let call = api
            .raw(Method::GET, "/health/live")
            .header("x-request-id", other);
        let answer = call.send().await;
        let id: uuid::Uuid = answer.header("x-request-id").unwrap().parse().unwrap();
        assert!(!seen.contains(&id));
        seen.push(id);
    }
}

#[tokio::test]
async fn a_trailing_slash_never_matters() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "guide").await;
    for path in [
        "/api/v1/assistants/",
        "/api/v1/assistants/guide/",
        "/api/v1/users/me/",
        "/api/v1/threads//",
        "/api/v1/assistants/?limit=1",
        "/health/live/",
        "/openapi.json/",
    ] {
        api.raw(Method::GET, path).by(&admin).send().await.ok(200);
    }
    let created = api
        .post("/threads/")
        .by(&admin)
        .json(&json!({}))
        .send()
        .await;
    created.ok(201);
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "guide").await;
    for path in [
        "/api/v1/assistants",
        "/api/v1/assistants/guide",
        "/api/v1/assistants/missing",
        "/health/live",
        "/docs",
        "/openapi.json",
    ] {
        let id = |method| {
            api.raw(method, path)
                .header("x-request-id", "same")
                .by(&admin)
        };
        let get = id(Method::GET).send().await;
        let head = id(Method::HEAD).send().await;
        assert_eq!(head.status, get.status);
        assert_eq!(head.headers, get.headers);
        assert!(head.body.is_empty());
        assert!(!get.body.is_empty());
    }
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let api = Api::new();
    let admin = api.admin().await;
    for call in [
        api.get("/users/me").by(&admin),
        api.get("/users/me"),
        api.get("/assistants"),
        api.raw(Method::GET, "/nonsense"),
    ] {
        let answer = call.send().await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'"));
    }
}

#[tokio::test]
async fn pages_of_listed_origins_only_may_call_the_api() {
    let origin = "https://chat.example.org";
    let closed = Api::new();
    let open = Api::with(
        |_| {},
        |options| {
            options.cors_origins = vec![origin.parse().unwrap()];
        },
    );
    let allowed = async |api: &Api, method, origin| {
        let call = api.call(method, "/threads").header("origin", origin);
        let call = call.header("access-control-request-method", "POST");
        let answer = call.send().await;
        let allowed = answer.header("access-control-allow-origin");
        (answer.status.as_u16(), allowed.map(str::to_owned))
    };
    let yes = Some(origin.to_owned());
    assert_eq!(
        allowed(&open, Method::OPTIONS, origin).await,
        (200, yes.clone())
    );
    assert_eq!(allowed(&open, Method::GET, origin).await, (401, yes));
    let other = "https://evil.example.org";
    assert_eq!(allowed(&open, Method::GET, other).await, (401, None));
    assert_eq!(allowed(&closed, Method::OPTIONS, origin).await, (405, None));
    assert_eq!(allowed(&closed, Method::GET, origin).await, (401, None));
}

#[tokio::test]
async fn a_body_of_very_many_values_is_malformed() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let body = format!("{{\"tags\": [{}0]}}", "0,".repeat(500_000));
    let call = api
        .post("/threads")
        .by(&user)
        .body("application/json", body);
    call.send().await.problem(400, "malformed_request");
}
