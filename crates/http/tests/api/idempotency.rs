//! Posting the same message again.

use colloquy_application::testing::fakes::{Gate, Script};
use colloquy_domain::FinishReason;
use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::sse::names;
use crate::support::{Answer, Call, members};

const KEY: &str = "idempotency-key";
const REPLAYED: &str = "idempotent-replayed";

/// The forms of an answer: status and request header.
const FORMS: [(u16, &str, &str); 3] = [
    (201, "accept", "application/json"),
    (202, "prefer", "respond-async"),
    (200, "accept", "text/event-stream"),
];

fn hello(c: &Conversation, key: &str) -> Call {
    c.hello().header(KEY, key)
}

/// The run of a response in any form.
fn run_of(answer: &Answer) -> Value {
    match answer.status.as_u16() {
        200 => {
            let text = String::from_utf8(answer.body.clone()).unwrap();
            let data = text.split("data: ").nth(1).unwrap().lines().next();
            let started: Value = serde_json::from_str(data.unwrap()).unwrap();
            started["run"]["id"].clone()
        }
        _ => answer.json()["run"]["id"].clone(),
    }
}

#[tokio::test]
async fn a_message_that_is_posted_again_in_any_form_is_answered_by_its_first_run() {
    for (first_status, name, value) in FORMS {
        let c = Conversation::new().await;
        c.api.model.add(Script::answer("Hi"));
        let first = hello(&c, "k").header(name, value).send().await;
        assert_eq!(first.status, first_status);
        assert_eq!(first.header(REPLAYED), None);
        for (status, name, value) in FORMS {
            let again = hello(&c, "k").header(name, value).send().await;
            assert_eq!(again.status, status, "{again:?}");
            assert_eq!(again.header(REPLAYED), Some("true"));
            assert_eq!(run_of(&again), run_of(&first));
            if first_status == status && status != 202 {
                assert_eq!(again.body, first.body);
            }
        }
        assert_eq!(members(&c.listed().await, "content"), ["hello", "Hi"]);
        assert_eq!(c.api.model.requests().len(), 1);
    }
}

#[tokio::test]
async fn a_message_that_is_posted_again_meanwhile_joins_its_run() {
    let c = Conversation::new().await;
    let gate = Gate::new();
    let script = Script::new().text("H").wait(&gate).text("i");
    c.api.model.add(script.end(FinishReason::Stop));
    let [waiting, joining] = [hello(&c, "k"), hello(&c, "k")].map(Call::send);
    let stream = async {
        c.api.model.asked(1).await;
        let call = hello(&c, "k").header("accept", "text/event-stream");
        let mut stream = call.open().await;
        assert_eq!(stream.headers[REPLAYED], "true");
        let mut events = stream.take(2).await;
        gate.open();
        events.extend(stream.rest().await);
        events
    };
    let (first, joined, events) = tokio::join!(waiting, joining, stream);
    assert_eq!(first.ok(201), joined.ok(201));
    let replays = [&first, &joined].map(|answer| answer.header(REPLAYED).is_some());
    assert_eq!(replays.iter().filter(|is_replay| **is_replay).count(), 1);
    let expected = [
        "run.started",
        "message.delta",
        "message.delta",
        "round.ended",
        "message.completed",
        "run.completed",
    ];
    assert_eq!(names(&events), expected);
    assert_eq!(c.api.model.requests().len(), 1);
}

#[tokio::test]
async fn a_failed_run_is_replayed_as_the_problem_that_it_was() {
    let c = Conversation::new().await;
    // The model has no script and fails.
    let first = hello(&c, "k").send().await;
    let problem = first.problem(502, "model_error");
    assert_eq!(first.header(REPLAYED), None);
    let again = hello(&c, "k").send().await;
    let replayed = again.problem(502, "model_error");
    assert_eq!(again.header(REPLAYED), Some("true"));
    assert_eq!(replayed["run_id"], problem["run_id"]);
}

#[tokio::test]
async fn an_answer_that_was_deleted_is_not_replayed() {
    let c = Conversation::new().await;
    c.api.model.add(Script::answer("Hi"));
    let first = hello(&c, "k").send().await.ok(201);
    let answer = first["messages"][1]["id"].as_str().unwrap();
    let path = format!("{}/{answer}", c.path());
    c.api.delete(&path).by(&c.user).send().await.no_content();
    let again = hello(&c, "k").send().await.ok(201);
    assert_eq!(again["output"], json!(null));
    assert_eq!(members(&again["messages"], "content"), ["hello"]);
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_user() {
    let c = Conversation::new().await;
    c.api.assistant(&c.admin, "other").await;
    c.api.model.add(Script::answer("Hi"));
    hello(&c, "k").send().await.ok(201);
    let elsewhere = format!("/threads/{}/messages", c.api.thread(&c.user).await);
    for (path, assistant, content) in [
        (c.path(), "guide", "another"),
        (c.path(), "other", "hello"),
        (elsewhere, "guide", "hello"),
    ] {
        let body = json!({"assistant_id": assistant, "content": content});
        for (_, name, value) in FORMS {
            let call = c.api.post(&path).by(&c.user).json(&body).header(KEY, "k");
            let answer = call.header(name, value).send().await;
            answer.problem(422, "idempotency_mismatch");
            assert_eq!(answer.header(REPLAYED), None);
        }
    }
    let eve = c.api.user("eve@example.org").await;
    let path = format!("/threads/{}/messages", c.api.thread(&eve).await);
    let body = json!({"assistant_id": "guide", "content": "hello"});
    c.api.model.add(Script::answer("Hi, Eve"));
    let call = c.api.post(&path).by(&eve).json(&body).header(KEY, "k");
    assert_eq!(call.send().await.ok(201)["output"], "Hi, Eve");
}

#[tokio::test]
async fn keys_are_short_and_visible() {
    let c = Conversation::new().await;
    let longest = "k".repeat(255);
    for key in [longest.as_str(), "\"8e03978e-40d5\"", "a,b;c=d"] {
        c.api.model.add(Script::answer("Hi"));
        hello(&c, key).send().await.ok(201);
    }
    let too_long = "k".repeat(256);
    for key in ["", "two words", "tab\tbed", &too_long] {
        hello(&c, key)
            .send()
            .await
            .problem(400, "malformed_request");
    }
    let twice = hello(&c, "a").header(KEY, "a").send().await;
    twice.problem(400, "malformed_request");
    assert_eq!(c.api.model.requests().len(), 3);
}
