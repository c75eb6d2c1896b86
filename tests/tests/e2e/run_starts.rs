//! Runs that start from what is in the thread.

use colloquy_tests::client::{Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Gate, Reply};
use colloquy_tests::on_both_backends;
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use crate::ABSENT;
use crate::scene::{Scene, kinds};

on_both_backends![
    an_answer_is_generated_anew_and_the_old_one_is_gone,
    a_question_is_edited,
    a_run_is_streamed_or_answered_later,
    of_starts_at_once_one_truncates,
    a_start_and_a_deletion_leave_one_of_two_threads,
    an_answer_that_was_replaced_is_not_given_again,
    what_was_replaced_is_gone_after_a_restart,
    what_cannot_be_started_is_refused_by_name,
];

impl Scene {
    async fn start(&self, body: Value) -> Response {
        self.user
            .post(&self.path("/runs"), self.with_assistant(body))
            .await
    }

    fn with_assistant(&self, mut body: Value) -> Value {
        body["assistant_id"] = self.assistant.clone().into();
        body
    }

    async fn contents(&self) -> Vec<String> {
        let messages = self.messages().await;
        let contents = messages.iter().map(|message| text(&message["content"]));
        contents.map(str::to_owned).collect()
    }
}

fn replies(texts: &[&str]) -> Vec<Reply> {
    texts.iter().map(|text| Reply::answer(text)).collect()
}

async fn an_answer_is_generated_anew_and_the_old_one_is_gone(backend: Backend) {
    let scene = Scene::with(backend, replies(&["old answer", "new answer"])).await;
    let old = scene.ask("Hi").await;
    let question = &old["messages"][0];
    let new = scene.start(json!({"truncate_after": question["id"]})).await;
    let new = new.expect(201);
    assert_eq!(new["output"], "new answer");
    assert_eq!(scene.contents().await, ["Hi", "new answer"]);
    let run = format!("/runs/{}", text(&old["run"]["id"]));
    assert_eq!(
        scene.user.get(&scene.path(&run)).await.expect(200),
        old["run"]
    );
    let events = scene.follow(&scene.user, text(&old["run"]["id"]), 0).await;
    let events = events.rest().await;
    assert_eq!(kinds(&events), ["run.started", "run.completed"]);
    let told: String = events.iter().map(|event| event.data.to_string()).collect();
    assert!(!told.contains("old answer"), "{told}");
    let message = text(&old["messages"][1]["id"]);
    let gone = scene
        .user
        .delete(&scene.path(&format!("/messages/{message}")))
        .await;
    gone.problem(404, "entity_not_found");
    let sent = &scene.models.requests()[1].body["messages"];
    let told = sent
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["role"] != "system");
    assert_eq!(told.count(), 1);
}

async fn a_question_is_edited(backend: Backend) {
    let scene = Scene::with(backend, replies(&["one", "two", "three", "four"])).await;
    let first = scene.ask("Hi").await;
    scene.ask("And?").await;
    let edited = json!({
        "truncate_after": first["messages"][1]["id"],
        "messages": [{"content": "And then?"}],
    });
    let edited = scene.start(edited).await.expect(201);
    assert_eq!(edited["messages"][0]["content"], "And then?");
    assert_eq!(scene.contents().await, ["Hi", "one", "And then?", "three"]);
    let brought = json!({"messages": [
        {"type": "ai", "content": "By the way."},
        {"type": "human", "content": "Yes?"},
    ]});
    let brought = scene.start(brought).await.expect(201);
    assert_eq!(brought["messages"].as_array().unwrap().len(), 3);
    assert_eq!(scene.contents().await[4..], ["By the way.", "Yes?", "four"]);
}

async fn a_run_is_streamed_or_answered_later(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer("one")).await;
    let question = scene.ask("Hi").await["messages"][0].clone();
    let again = scene.with_assistant(json!({"truncate_after": question["id"]}));
    let request = || {
        let path = scene.path("/runs");
        scene.user.request(Method::POST, &path).json(&again)
    };
    let events = request().events().await.rest().await;
    assert_eq!(events[0].data["message"]["id"], question["id"]);
    assert_eq!(events[0].data["messages"], json!([]));
    assert_eq!(events.last().unwrap().data["output"], "one");
    let later = request().header("prefer", "respond-async");
    let later = later.header("idempotency-key", "k").send().await;
    let location = later.header("location").unwrap().to_owned();
    let run = later.expect(202)["run"].clone();
    assert!(location.ends_with(text(&run["id"])));
    let replayed = request().header("idempotency-key", "k").send().await;
    assert_eq!(replayed.header("idempotent-replayed"), Some("true"));
    assert_eq!(replayed.expect(201)["run"]["id"], run["id"]);
    // A posted message is told in both members.
    let events = scene.stream("And?").await.rest().await;
    let started = &events[0].data;
    assert_eq!(started["messages"], json!([started["message"]]));
}

async fn of_starts_at_once_one_truncates(backend: Backend) {
    let gate = Gate::new();
    let held = Reply::answer("new").held(&gate);
    let scene = Scene::with(backend, vec![Reply::answer("old"), held]).await;
    let question = scene.ask("Hi").await["messages"][0].clone();
    let starts = (0..16).map(|number| {
        let path = scene.path("/runs");
        let body = scene.with_assistant(json!({
            "truncate_after": question["id"],
            "messages": [{"content": format!("Number {number}")}],
        }));
        let post = scene.user.request(Method::POST, &path).json(&body);
        post.header("prefer", "respond-async").send()
    });
    let answers = join_all(starts).await;
    let (started, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|it| it.status == 202);
    assert_eq!((started.len(), refused.len()), (1, 15));
    for answer in refused {
        answer.problem(409, "thread_busy");
    }
    assert_eq!(scene.messages().await.len(), 2);
    gate.open();
    let run = started.into_iter().next().unwrap().expect(202)["run"].clone();
    let events = scene
        .follow(&scene.user, text(&run["id"]), 0)
        .await
        .rest()
        .await;
    assert_eq!(events.last().unwrap().kind, "run.completed");
    assert_eq!(scene.messages().await.len(), 3);
}

async fn a_start_and_a_deletion_leave_one_of_two_threads(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer("one")).await;
    for _ in 0..10 {
        let thread = scene.user.create_thread().await;
        let said = scene
            .user
            .say(&thread, &scene.assistant, "Hi")
            .await
            .expect(201);
        let [question, answer] = [0_usize, 1].map(|index| said["messages"][index]["id"].clone());
        let body = scene.with_assistant(json!({"truncate_after": question}));
        let path = format!("/threads/{thread}/runs");
        let doomed = format!("/threads/{thread}/messages/{}", text(&answer));
        let (started, deleted) =
            tokio::join!(scene.user.post(&path, body), scene.user.delete(&doomed));
        started.expect(201);
        assert!(matches!(deleted.status, 204 | 404), "{}", deleted.status);
        let messages = scene.user.get(&format!("/threads/{thread}/messages")).await;
        assert_eq!(messages.expect(200).as_array().unwrap().len(), 2);
    }
}

async fn an_answer_that_was_replaced_is_not_given_again(backend: Backend) {
    let mut scene = Scene::with(backend, replies(&["old", "new", "third"])).await;
    scene.change(json!({"use_semantic_cache": true})).await;
    let question = scene.ask("Hi").await["messages"][0].clone();
    let new = scene.start(json!({"truncate_after": question["id"]})).await;
    assert_eq!(new.expect(201)["output"], "new");
    scene.thread = scene.user.create_thread().await;
    assert_eq!(scene.ask("Hi").await["output"], "third");
}

async fn what_was_replaced_is_gone_after_a_restart(backend: Backend) {
    let gate = Gate::new();
    let held = Reply::answer("new").held(&gate);
    let mut scene = Scene::with(backend, vec![Reply::answer("old"), held]).await;
    let question = scene.ask("Hi").await["messages"][0].clone();
    let path = scene.path("/runs");
    let body = scene.with_assistant(json!({"truncate_after": question["id"]}));
    let post = scene.user.request(Method::POST, &path).json(&body);
    let post = post.header("prefer", "respond-async").send().await;
    let run = text(&post.expect(202)["run"]["id"]).to_owned();
    scene.models.received(2).await;
    scene.server.kill9().await;
    scene.restart().await;
    assert_eq!(scene.contents().await, ["Hi"]);
    let run = scene
        .user
        .get(&scene.path(&format!("/runs/{run}")))
        .await
        .expect(200);
    assert_eq!(run["error"]["code"], "interrupted");
}

async fn what_cannot_be_started_is_refused_by_name(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer("one")).await;
    scene.ask("Hi").await;
    let many = vec![json!({"content": "x"}); 33];
    for (body, field) in [
        (json!({"messages": many}), "messages"),
        (
            json!({"messages": [{"content": " "}]}),
            "messages[0].content",
        ),
        (json!({"messages": [{}]}), "messages[0].content"),
        (
            json!({"messages": [{"type": "system", "content": "x"}]}),
            "messages[0].type",
        ),
        (
            json!({"messages": [{"content": "x", "id": 1}]}),
            "messages[0].id",
        ),
        (json!({"truncate_after": "first"}), "truncate_after"),
        (json!({"settings": {"seed": "x"}}), "settings.seed"),
    ] {
        assert_eq!(
            scene.start(body.clone()).await.invalid_fields(),
            [field],
            "{body}"
        );
    }
    scene
        .start(json!({"truncate_after": ABSENT}))
        .await
        .problem(404, "entity_not_found");
    let other = scene.user.create_thread().await;
    let said = scene
        .user
        .say(&other, &scene.assistant, "Hi")
        .await
        .expect(201);
    let foreign = json!({"truncate_after": said["messages"][0]["id"]});
    scene.start(foreign).await.problem(404, "entity_not_found");
    assert_eq!(scene.contents().await, ["Hi", "one"]);
}
