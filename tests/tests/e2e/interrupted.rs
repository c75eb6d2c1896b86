//! Runs whose process stops.

use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Gate, ModelServer, Reply};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{SCRIPTED, with_models};

on_both_backends![
    a_killed_services_runs_have_failed_when_it_is_back,
    a_stopping_service_lets_runs_end,
    a_stopping_service_interrupts_runs_that_take_too_long,
    a_second_signal_ends_the_service_at_once,
    an_idle_service_stops_at_once,
];

/// Maximum time a stopping service may report readiness.
const READINESS_LAG: Duration = Duration::from_secs(1);

/// A thread with an unanswered question.
struct Question {
    server: Colloquy,
    models: ModelServer,
    assistant: String,
    user: Client,
    thread: String,
    waiting: JoinHandle<Option<Response>>,
}

async fn ask(backend: Backend, reply: Reply, grace: &str) -> Question {
    let models = ModelServer::start([reply, Reply::answer("next answer")]).await;
    let site = with_models(backend, &models).await;
    let server = site.env("COLLOQUY_SHUTDOWN_GRACE", grace).serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let post = user
        .request(Method::POST, &format!("/threads/{thread}/messages"))
        .json(&serde_json::json!({"assistant_id": assistant, "content": "question"}));
    let waiting = tokio::spawn(async move { post.try_send().await.ok() });
    models.received(1).await;
    Question {
        server,
        models,
        assistant,
        user,
        thread,
        waiting,
    }
}

impl Question {
    async fn messages(&self) -> Value {
        let path = format!("/threads/{}/messages", self.thread);
        self.user.get(&path).await.expect(200)
    }

    async fn run(&self) -> Value {
        let path = format!("/threads/{}/runs", self.thread);
        let runs = self.user.get(&path).await.expect(200);
        assert_eq!(runs.as_array().unwrap().len(), 1);
        runs[0].clone()
    }

    async fn restart(&mut self) {
        self.server.restart().await;
        self.user = self.user.at(self.server.origin());
    }

    async fn assert_thread_is_free(&self) {
        let said = self.user.say(&self.thread, &self.assistant, "next").await;
        assert_eq!(said.expect(201)["output"], "next answer");
        assert_eq!(self.models.requests().len(), 2);
    }
}

async fn a_killed_services_runs_have_failed_when_it_is_back(backend: Backend) {
    let mut question = ask(backend, Reply::silence().hang(), "25s").await;
    question.server.kill9().await;
    assert!(question.waiting.is_finished() || (&mut question.waiting).await.unwrap().is_none());
    question.restart().await;

    let run = question.run().await;
    assert_eq!(run["status"], "failed");
    assert_eq!(run["error"]["code"], "interrupted");
    assert!(run["finished_at"].is_string());
    let messages = question.messages().await;
    assert_eq!(messages.as_array().unwrap().len(), 1);
    assert_eq!(messages[0]["content"], "question");
    assert_eq!(messages[0]["run_id"], run["id"]);
    question.assert_thread_is_free().await;
}

async fn a_stopping_service_lets_runs_end(backend: Backend) {
    let gate = Gate::new();
    let reply = Reply::answer("in time").held(&gate);
    let mut question = ask(backend, reply, "60s").await;
    question.server.process().terminate();
    let asked = Instant::now();
    let ready = question.server.guest().root();
    loop {
        let request = ready.request(Method::GET, "/health/ready");
        match request.try_send().await {
            Ok(response) if response.status == 200 => {
                assert!(asked.elapsed() < READINESS_LAG, "still ready");
            }
            Ok(response) => {
                response.problem(503, "service_unavailable");
                break;
            }
            // A closed port is not ready either.
            Err(_) => break,
        }
    }
    gate.open();
    let answer = (&mut question.waiting).await.unwrap();
    assert_eq!(answer.unwrap().expect(201)["output"], "in time");
    assert!(question.server.ended().await.success());

    question.restart().await;
    assert_eq!(question.run().await["status"], "completed");
    assert_eq!(question.messages().await[1]["content"], "in time");
    question.assert_thread_is_free().await;
}

async fn a_stopping_service_interrupts_runs_that_take_too_long(backend: Backend) {
    let reply = Reply::events().text("half an").hang();
    let mut question = ask(backend, reply, "300ms").await;
    question.server.process().terminate();
    let answer = (&mut question.waiting).await.unwrap();
    let problem = answer.unwrap().problem(503, "interrupted");
    assert!(question.server.ended().await.success());
    question.models.abandoned(1).await;

    question.restart().await;
    let run = question.run().await;
    assert_eq!(run["id"], problem["run_id"]);
    assert_eq!(run["status"], "failed");
    assert_eq!(run["error"]["code"], "interrupted");
    let messages = question.messages().await;
    let messages = messages.as_array().unwrap();
    assert_eq!(messages[0]["content"], "question");
    // The text may be missing; a partial message is never complete.
    for partial in &messages[1..] {
        assert_eq!(text(&partial["content"]), "half an");
        assert_eq!(partial["status"], "incomplete");
    }
    question.assert_thread_is_free().await;
}

async fn a_second_signal_ends_the_service_at_once(backend: Backend) {
    let mut question = ask(backend, Reply::silence().hang(), "10m").await;
    question.server.process().terminate();
    let stopping = |line: &str| line.contains("stopping").then_some(());
    question.server.process().line(stopping).await;
    question.server.process().terminate();
    assert!(!question.server.ended().await.success());
    question.restart().await;
    assert_eq!(question.run().await["error"]["code"], "interrupted");
    question.assert_thread_is_free().await;
}

async fn an_idle_service_stops_at_once(backend: Backend) {
    let mut server = Colloquy::start(backend).await;
    let user = server.user("ada").await;
    user.get("/users/me").await.expect(200);
    // An idle keep-alive connection must not delay shutdown.
    assert!(server.stop().await.success());
    server.restart().await;
    let user = user.at(server.origin());
    user.get("/users/me").await.expect(200);
}
