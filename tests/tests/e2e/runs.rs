//! Runs.

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Gate, ModelServer, Reply};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::{Value, json};

use crate::{ABSENT, SCRIPTED, members, with_models};

on_both_backends![
    a_run_says_how_it_went,
    runs_are_listed_newest_first_page_by_page,
    a_run_under_way_keeps_its_thread_busy,
    a_run_goes_its_way_without_a_listener,
    an_answer_cut_by_a_limit_or_filter_is_incomplete,
];

async fn a_run_says_how_it_went(backend: Backend) {
    let models = ModelServer::start(Reply::stream(&["Hel", "lo"])).await;
    let server = with_models(backend, &models).await.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let said = user.say(&thread, &assistant, "hi").await.expect(201);
    let run = &said["run"];
    for member in [
        "assistant_id",
        "created_at",
        "error",
        "finish_reason",
        "finished_at",
        "id",
        "status",
        "thread_id",
        "usage",
    ] {
        assert!(members(run).contains(&member), "{member}");
    }
    assert_eq!(said["output"], "Hello");
    assert_eq!(run["usage"], json!({"input_tokens": 7, "output_tokens": 2}));
}

async fn runs_are_listed_newest_first_page_by_page(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let path = format!("/threads/{thread}/runs");
    assert_eq!(user.get(&path).await.expect(200), json!([]));
    let mut expected = Vec::new();
    for _ in 0..3 {
        let said = user.say(&thread, &assistant, "hi").await.expect(201);
        expected.insert(0, said["run"].clone());
    }
    let all = user.get(&path).await;
    assert_eq!(all.header("link"), None);
    assert_eq!(all.expect(200), Value::from(expected.clone()));
    let first = user.get(&format!("{path}?limit=2")).await;
    let next = first.next_page().unwrap();
    assert_eq!(first.expect(200), json!(expected[..2]));
    let last = user.get(&next).await;
    assert_eq!(last.next_page(), None);
    assert_eq!(last.expect(200), json!(expected[2..]));
    let refused = user.get(&format!("{path}?limit=0")).await;
    assert_eq!(refused.invalid_fields(), ["limit"]);
    let absent = user.get(&format!("{path}/{ABSENT}")).await;
    let problem = absent.problem(404, "entity_not_found");
    assert_eq!(problem["errors"][0]["field"], "run_id");
    for nested in ["cancel", "events"] {
        let path = format!("{path}/{ABSENT}/{nested}");
        let method = if nested == "cancel" {
            Method::POST
        } else {
            Method::GET
        };
        let absent = user.request(method, &path).send().await;
        let problem = absent.problem(404, "entity_not_found");
        assert_eq!(problem["errors"][0]["field"], "run_id");
    }
}

async fn a_run_under_way_keeps_its_thread_busy(backend: Backend) {
    let gate = Gate::new();
    let models = ModelServer::start(Reply::answer("done").held(&gate)).await;
    let server = with_models(backend, &models).await.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let waiting = {
        let (user, thread) = (user.clone(), thread.clone());
        let assistant = assistant.clone();
        tokio::spawn(async move { user.say(&thread, &assistant, "one").await })
    };
    models.received(1).await;

    let second = user.say(&thread, &assistant, "two").await;
    second.problem(409, "thread_busy");
    let runs = user.get(&format!("/threads/{thread}/runs")).await;
    let runs = runs.expect(200);
    assert_eq!(runs.as_array().unwrap().len(), 1);
    assert_eq!(runs[0]["status"], "in_progress");
    assert_eq!(runs[0]["finished_at"], Value::Null);
    let messages = user.get(&format!("/threads/{thread}/messages")).await;
    let messages = messages.expect(200);
    assert_eq!(messages.as_array().unwrap().len(), 1);
    assert_eq!(messages[0]["content"], "one");
    let other = user.create_thread().await;
    assert_eq!(models.requests().len(), 1);

    gate.open();
    let said = waiting.await.unwrap().expect(201);
    assert_eq!(said["output"], "done");
    user.say(&thread, &assistant, "two").await.expect(201);
    user.say(&other, &assistant, "three").await.expect(201);
}

async fn a_run_goes_its_way_without_a_listener(backend: Backend) {
    let gate = Gate::new();
    let models = ModelServer::start([
        Reply::answer("nobody waited").held(&gate),
        Reply::answer("somebody did"),
    ])
    .await;
    let server = with_models(backend, &models).await.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let listener = {
        let (user, thread) = (user.clone(), thread.clone());
        let assistant = assistant.clone();
        tokio::spawn(async move { user.say(&thread, &assistant, "one").await })
    };
    models.received(1).await;
    listener.abort();
    listener.await.unwrap_err();
    gate.open();
    let ended = |line: &str| line.contains("run ended").then_some(());
    server.process().line(ended).await;

    let runs = user.get(&format!("/threads/{thread}/runs")).await;
    assert_eq!(runs.expect(200)[0]["status"], "completed");
    let messages = user.get(&format!("/threads/{thread}/messages")).await;
    assert_eq!(messages.expect(200)[1]["content"], "nobody waited");
    let said = user.say(&thread, &assistant, "two").await.expect(201);
    assert_eq!(said["output"], "somebody did");
}

async fn an_answer_cut_by_a_limit_or_filter_is_incomplete(backend: Backend) {
    for (reply, reason, output) in [
        (
            Reply::events().text("half an").finish("length").done(),
            "length",
            "half an",
        ),
        (
            Reply::events().text("well").finish("content_filter").done(),
            "content_filter",
            "well",
        ),
        (
            Reply::stream(&["0123456789", "0123456789"]),
            "length",
            "0123456789012345",
        ),
    ] {
        let models = ModelServer::start(reply).await;
        let server = with_models(backend, &models).await;
        let server = server.env("COLLOQUY_RUN__MAX_ANSWER_BYTES", "16");
        let server = server.serve().await;
        let assistant = server.assistant_on(SCRIPTED).await;
        let user = server.user("ada").await;
        let thread = user.create_thread().await;
        let said = user.say(&thread, &assistant, "hi").await.expect(201);
        assert_eq!(said["run"]["status"], "completed");
        assert_eq!(said["run"]["finish_reason"], reason);
        assert_eq!(said["output"], output);
        let answer = &said["messages"][1];
        assert_eq!(answer["content"], output);
        assert_eq!(answer["status"], "incomplete");
        assert_eq!(text(&answer["type"]), "ai");
    }
}
