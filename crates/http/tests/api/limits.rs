//! Rate and concurrency limits.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use colloquy_application::testing::fakes::Script;
use futures_util::StreamExt as _;
use serde_json::json;
use tokio::task::{JoinSet, yield_now};
use tokio::time::timeout;

use crate::conversation::Conversation;
use crate::support::{Answer, Api, Caller};

/// Longer than any step may take.
const PATIENCE: Duration = Duration::from_secs(20);
const PASSWORD: &str = "correct horse battery";

/// An API with one account behind a trusted proxy at 10.0.0.1.
async fn behind_a_proxy() -> Api {
    let proxies = vec!["10.0.0.1".parse().unwrap()];
    let api = Api::with(|_| {}, |options| options.trusted_proxies = proxies);
    let admin = api.admin().await;
    let account = json!({"email": "ada@example.org", "password": PASSWORD});
    let create = api.post("/users").by(&admin).json(&account);
    create.send().await.ok(201);
    api
}

/// Signs in over a connection from `peer` on behalf of `client`.
async fn sign_in(api: &Api, peer: &str, client: &str, password: &str) -> Answer {
    let body = json!({"username": "ada@example.org", "password": password});
    let call = api.post("/auth/login").from(peer).json(&body);
    let call = call.header("x-forwarded-for", client);
    let forwarded = format!("for={client}");
    call.header("forwarded", &forwarded).send().await
}

#[tokio::test]
async fn many_wrong_passwords_from_one_address_are_not_looked_at() {
    let api = behind_a_proxy().await;
    for n in 0..9 {
        let refused = sign_in(&api, "192.0.2.1:1", &format!("203.0.113.{n}"), "wrong").await;
        refused.problem(401, "invalid_credentials");
    }
    for n in 9..30 {
        let client = format!("203.0.113.{n}");
        let stopped = sign_in(&api, &format!("192.0.2.1:{n}"), &client, PASSWORD).await;
        stopped.problem(429, "rate_limit_exceeded");
        assert_eq!(stopped.header("retry-after"), Some("60"));
    }
    let elsewhere = sign_in(&api, "192.0.2.2:1", "203.0.113.1", PASSWORD).await;
    elsewhere.ok(200);
}

#[tokio::test]
async fn a_trusted_proxy_says_who_the_client_is() {
    let api = behind_a_proxy().await;
    for n in 0..9 {
        // The client's own entry precedes the proxy's.
        let client = format!("198.51.100.{n}, 203.0.113.1");
        let refused = sign_in(&api, "10.0.0.1:1", &client, "wrong").await;
        refused.problem(401, "invalid_credentials");
    }
    let stopped = sign_in(&api, "10.0.0.1:1", "203.0.113.1", PASSWORD).await;
    stopped.problem(429, "rate_limit_exceeded");
    let other = sign_in(&api, "10.0.0.1:1", "203.0.113.2", PASSWORD).await;
    other.ok(200);
}

#[tokio::test]
async fn a_stopped_sign_in_does_not_tell_whether_there_is_such_an_account() {
    let api = behind_a_proxy().await;
    let mut stopped = Vec::new();
    for (network, email) in [
        ("192.0.2", "ada@example.org"),
        ("203.0.113", "nobody@example.org"),
        ("198.51.100", "no address"),
    ] {
        for n in 0..11 {
            let body = json!({"username": email, "password": "wrong"});
            let call = api.post("/auth/login").from(&format!("{network}.{n}:1"));
            let answer = call.json(&body).send().await;
            if n == 10 {
                answer.problem(429, "rate_limit_exceeded");
                stopped.push(answer.without_request_id());
            } else {
                answer.problem(401, "invalid_credentials");
            }
        }
    }
    assert!(stopped.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn without_a_limit_every_password_is_looked_at() {
    let api = Api::set(|settings| settings.sign_in_limits.failures_per_minute = 0);
    for _ in 0..12 {
        let body = json!({"username": "ada@example.org", "password": "wrong"});
        let answer = api.post("/auth/login").json(&body).send().await;
        answer.problem(401, "invalid_credentials");
    }
}

/// Asks the silent assistant without waiting.
async fn ask(c: &Conversation, caller: &Caller, thread: &str) -> Answer {
    c.api.model.add(Script::new().hang());
    let body = json!({"assistant_id": "guide", "content": "hello"});
    let call = c.api.post(&format!("/threads/{thread}/messages"));
    let call = call.by(caller).json(&body);
    call.header("prefer", "respond-async").send().await
}

/// Starts a run in a new thread; returns its path.
async fn begin_a_run(c: &Conversation, caller: &Caller) -> String {
    let thread = c.api.thread(caller).await;
    let accepted = ask(c, caller, &thread).await.ok(202);
    let run = accepted["run"]["id"].as_str().unwrap();
    format!("/threads/{thread}/runs/{run}")
}

#[tokio::test]
async fn a_user_with_too_many_runs_is_told_to_wait_and_others_are_not() {
    let api = Api::set(|settings| settings.run_limits.max_per_user = 2);
    let c = Conversation::over(api).await;
    let first = begin_a_run(&c, &c.user).await;
    begin_a_run(&c, &c.user).await;
    let thread = c.api.thread(&c.user).await;
    let refused = ask(&c, &c.user, &thread).await;
    refused.problem(429, "rate_limit_exceeded");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let messages = format!("/threads/{thread}/messages");
    let kept = c.api.get(&messages).by(&c.user).send().await;
    assert_eq!(kept.ok(200), json!([]));
    let other = c.api.user("bob@example.org").await;
    begin_a_run(&c, &other).await;
    let cancel = c.api.post(&format!("{first}/cancel")).by(&c.user);
    cancel.send().await.ok(200);
    assert_eq!(ask(&c, &c.user, &thread).await.status, 202);
}

#[tokio::test]
async fn an_instance_with_too_many_runs_refuses_the_next_before_anything_is_written() {
    let api = Api::set(|settings| settings.run_limits.max_concurrent = 1);
    let c = Conversation::over(api).await;
    let first = begin_a_run(&c, &c.user).await;
    let other = c.api.user("bob@example.org").await;
    let thread = c.api.thread(&other).await;
    let refused = ask(&c, &other, &thread).await;
    refused.problem(503, "service_unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let messages = format!("/threads/{thread}/messages");
    let kept = c.api.get(&messages).by(&other).send().await;
    assert_eq!(kept.ok(200), json!([]));
    let cancel = c.api.post(&format!("{first}/cancel")).by(&c.user);
    cancel.send().await.ok(200);
    // The end of a run is reported before its slot is free.
    let begun = async {
        while ask(&c, &other, &thread).await.status != 202 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, begun).await.unwrap();
}

#[tokio::test]
async fn a_request_that_finds_no_room_is_refused_at_once() {
    let api = Api::with(|_| {}, |options| options.max_requests = 0);
    let user = api.user("ada@example.org").await;
    let refused = api.get("/users/me").by(&user).send().await;
    refused.problem(503, "service_unavailable");
    assert_eq!(refused.header("retry-after"), Some("1"));
    let alive = api.raw(Method::GET, "/health/live").send().await;
    assert_eq!(alive.status, 200);
    let ready = api.raw(Method::GET, "/health/ready").send().await;
    assert_eq!(ready.ok(200)["limits_reached"], json!(["requests"]));
}

#[tokio::test]
async fn who_waits_for_a_model_takes_nobodys_room() {
    let api = Api::with(|_| {}, |options| options.max_requests = 1);
    let c = Conversation::over(api).await;
    c.api.model.add(Script::new().hang());
    let waiting = tokio::spawn(c.hello().send());
    c.api.model.asked(1).await;
    c.api.get("/users/me").by(&c.user).send().await.ok(200);
    assert!(!waiting.is_finished());
    waiting.abort();
}

/// Bodies that begin and never end.
fn unfinished(beginning: &[u8]) -> Body {
    let beginning = Ok::<_, Infallible>(beginning.to_vec());
    let beginning = futures_util::stream::iter([beginning]);
    Body::from_stream(beginning.chain(futures_util::stream::pending()))
}

/// Sends requests with unfinished bodies, the n-th from the n-th address; returns those answered.
async fn send_unfinished(api: &Api, addresses: usize, count: usize) -> JoinSet<Answer> {
    let mut waiting = JoinSet::new();
    for n in 0..count {
        let client = n % addresses;
        let peer = format!("10.1.{}.{}:1", client / 250, client % 250);
        let call = api.post("/auth/login").from(&peer);
        let call = call.body("application/json", unfinished(b"{"));
        waiting.spawn(call.send());
        yield_now().await;
    }
    waiting
}

#[tokio::test]
async fn bodies_that_take_their_time_take_nobodys_room() {
    for addresses in [1, 10, 1_000] {
        let api = Api::with(|_| {}, |options| options.max_requests = 2);
        let user = api.user("ada@example.org").await;
        let mut waiting = send_unfinished(&api, addresses, 2_000).await;
        let ask = api.get("/users/me").by(&user).send();
        timeout(PATIENCE, ask).await.unwrap().ok(200);
        // Another client's body in two pieces.
        let (more, pieces) = tokio::sync::mpsc::channel(1);
        let body = Body::from_stream(received(pieces));
        let call = api.post("/threads").by(&user).from("192.0.2.1:1");
        let post = tokio::spawn(call.body("application/json", body).send());
        more.send("{").await.unwrap();
        yield_now().await;
        let further = send_unfinished(&api, addresses, 100).await;
        more.send("}").await.unwrap();
        drop(more);
        let posted = timeout(PATIENCE, post).await.unwrap().unwrap();
        posted.ok(201);

        let ready = api.raw(Method::GET, "/health/ready").send().await;
        assert_eq!(ready.ok(200)["limits_reached"], json!(["request_bodies"]));
        // At 32 KiB each: 42 MiB per address, 56 MiB in total.
        let most = if addresses == 1 { 1_344 } else { 1_792 };
        for _ in 0..2_000 - most {
            let cut = timeout(PATIENCE, waiting.join_next()).await.unwrap();
            let cut = cut.unwrap().unwrap();
            cut.problem(503, "service_unavailable");
            assert!(cut.header("retry-after").is_some());
        }
        drop(further);
    }
}

fn received(
    pieces: tokio::sync::mpsc::Receiver<&'static str>,
) -> impl futures_util::Stream<Item = Result<&'static str, Infallible>> {
    futures_util::stream::unfold(pieces, async |mut pieces| {
        let piece = pieces.recv().await?;
        Some((Ok(piece), pieces))
    })
    .fuse()
}

#[tokio::test]
async fn what_has_come_of_unfinished_bodies_is_limited_in_bytes() {
    let api = Api::new();
    let user = api.user("ada@example.org").await;
    let mut waiting = JoinSet::new();
    let half = vec![b' '; 512 * 1024];
    for _ in 0..84 {
        let call = api.post("/threads").by(&user);
        waiting.spawn(call.body("application/json", unfinished(&half)).send());
        yield_now().await;
    }
    // With 32 KiB each in addition, 79 fit into 42 MiB.
    for _ in 0..5 {
        let cut = timeout(PATIENCE, waiting.join_next()).await.unwrap();
        let cut = cut.unwrap().unwrap();
        cut.problem(503, "service_unavailable");
    }
    yield_now().await;
    assert!(waiting.try_join_next().is_none());
    api.post("/threads")
        .by(&user)
        .json(&json!({}))
        .send()
        .await
        .ok(201);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_in_time_is_not_waited_for() {
    let api = Api::new();
    let call = api
        .post("/auth/login")
        .body("application/json", unfinished(b"{"));
    let begin = tokio::time::Instant::now();
    call.send().await.problem(400, "malformed_request");
    // Plus a second for draining the rest.
    assert_eq!(begin.elapsed().as_secs(), 31);
}
