//! The service with a scripted model.

use hyper::Method;
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::{Client, Request, text};
use crate::database::Backend;
use crate::events::{Event, EventStream};
use crate::model_server::{ModelServer, Script};
use crate::server::Colloquy;

/// A service with a scripted model, and a user.
pub struct Scene {
    /// Logs warnings and errors only.
    pub server: Colloquy,
    /// ID of the assistant on the scripted model.
    pub assistant: String,
    /// A user without administrator rights.
    pub user: Client,
    // Stops on drop.
    _models: ModelServer,
}

impl Scene {
    /// Starts a service whose model follows the script.
    pub async fn with(backend: Backend, script: impl Into<Script>) -> Self {
        let models = ModelServer::start(script).await;
        let site = Colloquy::installed(backend).await;
        let site = site.env("COLLOQUY_PROVIDERS__SCRIPTED__BASE_URL", &models.base_url());
        let site = site.env("COLLOQUY_RUN__MAX_PER_USER", "10000");
        let server = site.env("COLLOQUY_LOG", "warn").serve().await;
        Self {
            assistant: server.assistant_on("scripted::model").await,
            user: server.user("ada").await,
            server,
            _models: models,
        }
    }

    /// Restarts the exited service on its data.
    pub async fn restart(&mut self) {
        self.server.restart().await;
        self.user = self.user.at(self.server.origin());
    }

    /// Creates threads; returns their IDs.
    pub async fn threads(&self, count: usize) -> Vec<String> {
        let mut threads = Vec::new();
        for _ in 0..count {
            threads.push(self.user.create_thread().await);
        }
        threads
    }

    /// A question in a thread.
    #[must_use]
    pub fn question(&self, thread: &str) -> Request {
        let body = json!({"assistant_id": self.assistant, "content": "How late is it?"});
        let path = format!("/threads/{thread}/messages");
        self.user.request(Method::POST, &path).json(&body)
    }
}

/// The next piece of an answer; `None` at its end.
///
/// # Panics
/// If the run fails.
pub async fn next_delta(stream: &mut EventStream) -> Option<String> {
    loop {
        let Event { kind, data, .. } = stream.next().await?;
        match kind.as_str() {
            "message.delta" => return Some(text(&data["text"]).to_owned()),
            "run.failed" => panic!("{data}"),
            _ => {}
        }
    }
}

/// Runs the jobs concurrently.
pub async fn at_once<J, T>(jobs: impl IntoIterator<Item = J>) -> Vec<T>
where
    J: Future<Output = Vec<T>> + Send + 'static,
    T: Clone + Send + 'static,
{
    let done: JoinSet<Vec<T>> = jobs.into_iter().collect();
    done.join_all().await.concat()
}
