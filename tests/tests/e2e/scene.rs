//! A service with a scripted model, a user and a thread.

use colloquy_tests::client::{Client, Request, text};
use colloquy_tests::database::Backend;
use colloquy_tests::events::{Event, EventStream};
use colloquy_tests::model_server::{ModelServer, Script};
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::{Value, json};

use crate::{SCRIPTED, with_models};

pub(crate) struct Scene {
    pub(crate) server: Colloquy,
    pub(crate) models: ModelServer,
    pub(crate) user: Client,
    pub(crate) assistant: String,
    pub(crate) thread: String,
}

impl Scene {
    pub(crate) async fn with(backend: Backend, script: impl Into<Script>) -> Self {
        let models = ModelServer::start(script).await;
        let server = with_models(backend, &models).await.serve().await;
        let assistant = server.assistant_on(SCRIPTED).await;
        let user = server.user("ada").await;
        let thread = user.create_thread().await;
        Self {
            server,
            models,
            user,
            assistant,
            thread,
        }
    }

    /// A path below the thread.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/threads/{}{rest}", self.thread)
    }

    pub(crate) fn body(&self, content: &str) -> Value {
        json!({"assistant_id": self.assistant, "content": content})
    }

    pub(crate) async fn messages(&self) -> Vec<Value> {
        let messages = self.user.get(&self.path("/messages")).await.expect(200);
        messages.as_array().unwrap().clone()
    }

    pub(crate) async fn change(&self, change: Value) {
        let admin = self.server.admin().await;
        let path = format!("/assistants/{}", self.assistant);
        admin.patch(&path, change).await.expect(200);
    }

    /// Posts and waits for the answer.
    pub(crate) async fn ask(&self, content: &str) -> Value {
        let said = self.user.say(&self.thread, &self.assistant, content);
        said.await.expect(201)
    }

    /// Posts and streams the run.
    pub(crate) async fn stream(&self, content: &str) -> EventStream {
        let path = self.path("/messages");
        let post = self.user.request(Method::POST, &path);
        post.json(&self.body(content)).events().await
    }

    /// The run's events after `after`.
    pub(crate) async fn follow(&self, client: &Client, run: &str, after: u64) -> EventStream {
        let path = self.path(&format!("/runs/{run}/events"));
        let request = client.request(Method::GET, &path);
        let request = request.header("last-event-id", &after.to_string());
        request.events().await
    }

    pub(crate) fn post(&self, client: &Client, thread: &str, content: &str, key: &str) -> Request {
        let path = format!("/threads/{thread}/messages");
        let post = client.request(Method::POST, &path);
        let post = post.json(&self.body(content));
        post.header("idempotency-key", key)
    }

    pub(crate) async fn restart(&mut self) {
        self.server.restart().await;
        self.user = self.user.at(self.server.origin());
    }

    /// Deactivates the user; returns its path.
    pub(crate) async fn disable_user(&self) -> String {
        let me = self.user.get("/users/me").await.expect(200);
        let path = format!("/users/{}", text(&me["id"]));
        let admin = self.server.admin().await;
        let change = json!({"is_active": false});
        admin.patch(&path, change).await.expect(200);
        path
    }
}

pub(crate) fn said(events: &[Event]) -> String {
    let deltas = events.iter().filter(|event| event.kind == "message.delta");
    deltas.map(|event| text(&event.data["text"])).collect()
}

/// The kinds of all events except deltas and ends of rounds.
pub(crate) fn kinds(events: &[Event]) -> Vec<&str> {
    let kinds = events.iter().map(|event| event.kind.as_str());
    kinds
        .filter(|kind| !["message.delta", "round.ended"].contains(kind))
        .collect()
}

pub(crate) fn run_of(started: &Event) -> String {
    assert_eq!(started.kind, "run.started");
    text(&started.data["run"]["id"]).to_owned()
}
