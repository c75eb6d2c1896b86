//! A user, a thread and an assistant.

use colloquy_application::testing::fakes::Script;
use serde_json::json;

use crate::sse::{Event, Events};
use crate::support::{Answer, Api, Call, Caller};

pub(crate) struct Conversation {
    pub(crate) api: Api,
    pub(crate) admin: Caller,
    pub(crate) user: Caller,
    pub(crate) thread: String,
    pub(crate) assistant: String,
}

impl Conversation {
    pub(crate) async fn new() -> Self {
        Self::over(Api::new()).await
    }

    pub(crate) async fn over(api: Api) -> Self {
        let admin = api.admin().await;
        let user = api.user("ada@example.org").await;
        let thread = api.thread(&user).await;
        let assistant = api.assistant(&admin, "guide").await;
        Self {
            api,
            admin,
            user,
            thread,
            assistant,
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("/threads/{}/messages", self.thread)
    }

    /// A request that posts "hello".
    pub(crate) fn hello(&self) -> Call {
        let body = json!({"assistant_id": "guide", "content": "hello"});
        self.api.post(&self.path()).by(&self.user).json(&body)
    }

    pub(crate) async fn post(&self, script: Script) -> Answer {
        self.api.model.add(script);
        self.hello().send().await
    }

    /// Posts and follows the run.
    pub(crate) async fn stream(&self, script: Script) -> Events {
        self.api.model.add(script);
        self.hello()
            .header("accept", "text/event-stream")
            .open()
            .await
    }

    /// Posts without waiting; returns the run's ID.
    pub(crate) async fn start(&self, script: Script) -> String {
        self.api.model.add(script);
        let accepted = self.hello().header("prefer", "respond-async").send().await;
        accepted.ok(202)["run"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn run_path(&self, run: &str) -> String {
        format!("/threads/{}/runs/{run}", self.thread)
    }

    pub(crate) fn events_path(&self, run: &str) -> String {
        format!("{}/events", self.run_path(run))
    }

    /// All events of the run.
    pub(crate) async fn events(&self, run: &str) -> Vec<Event> {
        let call = self.api.get(&self.events_path(run)).by(&self.user);
        call.open().await.rest().await
    }

    pub(crate) async fn listed(&self) -> serde_json::Value {
        let call = self.api.get(&self.path()).by(&self.user);
        call.send().await.ok(200)
    }
}
