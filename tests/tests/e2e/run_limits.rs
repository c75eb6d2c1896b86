//! Limits on concurrent runs.

use std::collections::BTreeMap;

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{ModelServer, Reply};
use colloquy_tests::server::Colloquy;
use colloquy_tests::{on_both_backends, on_postgres};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use hyper::Method;
use serde_json::json;

use crate::{SCRIPTED, with_models};

on_both_backends![
    a_user_is_held_to_their_number_of_runs_and_others_are_not,
    an_instance_takes_no_more_runs_than_it_can,
];
on_postgres![the_runs_of_a_user_count_on_all_instances];

/// A service and an assistant whose model never answers.
async fn with(backend: Backend, setting: (&str, &str)) -> (Colloquy, ModelServer, String) {
    let models = ModelServer::start(Reply::silence().hang()).await;
    let site = with_models(backend, &models).await;
    let server = site.env(setting.0, setting.1).serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    (server, models, assistant)
}

/// Posts in a new thread without waiting.
async fn ask(client: &Client, assistant: &str) -> Response {
    ask_in(&client.create_thread().await, client, assistant).await
}

async fn ask_in(thread: &str, client: &Client, assistant: &str) -> Response {
    let path = format!("/threads/{thread}/messages");
    let body = json!({"assistant_id": assistant, "content": "Well?"});
    let post = client.request(Method::POST, &path).json(&body);
    post.header("prefer", "respond-async").send().await
}

const AT_WORK: usize = 24;
const STARTING: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_that_cannot_start_soon_are_refused_and_the_others_start_late() {
    let plenty = ("COLLOQUY_RUN__MAX_CONCURRENT", "100");
    let (server, _models, assistant) = with(Backend::Sqlite, plenty).await;
    let user = server.user("ada").await;
    let mut threads = Vec::new();
    for _ in 0..AT_WORK {
        threads.push(user.create_thread().await);
    }
    let lock = server.installation().database().lock().await;
    let asked = threads
        .iter()
        .map(|thread| ask_in(thread, &user, &assistant));
    let mut answers: FuturesUnordered<_> = asked.collect();
    let refused: Vec<Response> = answers.by_ref().take(AT_WORK - STARTING).collect().await;
    lock.release().await;
    for answer in refused {
        assert_refused(answer, 503, "service_unavailable");
    }
    let begun: Vec<Response> = answers.collect().await;
    assert_eq!(counts(&begun), BTreeMap::from([(202, STARTING)]));
}

fn counts(answers: &[Response]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

fn assert_refused(answer: Response, status: u16, code: &str) {
    assert_eq!(answer.header("retry-after"), Some("1"));
    answer.problem(status, code);
}

async fn a_user_is_held_to_their_number_of_runs_and_others_are_not(backend: Backend) {
    let limit = ("COLLOQUY_RUN__MAX_PER_USER", "5");
    let (server, _models, assistant) = with(backend, limit).await;
    let ada = server.user("ada").await;
    let answers = join_all((0..20).map(|_| ask(&ada, &assistant))).await;
    assert_eq!(counts(&answers), BTreeMap::from([(202, 5), (429, 15)]));
    let (begun, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 202);
    for answer in refused {
        assert_refused(answer, 429, "rate_limit_exceeded");
    }
    let bob = server.user("bob").await;
    ask(&bob, &assistant).await.expect(202);
    let cancel = format!("{}/cancel", begun[0].header("location").unwrap());
    let cancel = cancel.strip_prefix("/api/v1").unwrap();
    let ended = ada.request(Method::POST, cancel).send().await.expect(200);
    assert_eq!(text(&ended["status"]), "cancelled");
    ask(&ada, &assistant).await.expect(202);
    assert_refused(ask(&ada, &assistant).await, 429, "rate_limit_exceeded");
}

async fn an_instance_takes_no_more_runs_than_it_can(backend: Backend) {
    let limit = ("COLLOQUY_RUN__MAX_CONCURRENT", "5");
    let (server, models, assistant) = with(backend, limit).await;
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let asked = (0..20).map(|n| ask(if n % 2 == 0 { &ada } else { &bob }, &assistant));
    let answers = join_all(asked).await;
    assert_eq!(counts(&answers), BTreeMap::from([(202, 5), (503, 15)]));
    for answer in answers.into_iter().filter(|it| it.status == 503) {
        assert_refused(answer, 503, "service_unavailable");
    }
    models.received(5).await;
    assert_eq!(models.requests().len(), 5);
    ada.get("/users/me").await.expect(200);
}

async fn the_runs_of_a_user_count_on_all_instances() {
    let limit = ("COLLOQUY_RUN__MAX_PER_USER", "5");
    let (server, _models, assistant) = with(Backend::Postgres, limit).await;
    let other = server.installation().neighbour().serve().await;
    let ada = server.user("ada").await;
    let there = ada.at(other.origin());
    let asked = (0..20).map(|n| ask(if n % 2 == 0 { &ada } else { &there }, &assistant));
    let answers = join_all(asked).await;
    assert_eq!(counts(&answers), BTreeMap::from([(202, 5), (429, 15)]));
}
