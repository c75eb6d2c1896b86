use colloquy_tests::client::{Client, Request, text};
use colloquy_tests::database::Backend;
use colloquy_tests::events::{Event, EventStream};
use colloquy_tests::model_server::{ModelServer, Script};
use colloquy_tests::server::Colloquy;
use hyper::Method;
use serde_json::json;
use tokio::task::JoinSet;

/// A service on a scripted model, and somebody who asks.
pub(crate) struct Scene {
    pub(crate) server: Colloquy,
    pub(crate) assistant: String,
    pub(crate) user: Client,
    // Listens for as long as it is there.
    _models: ModelServer,
}

impl Scene {
    pub(crate) async fn with(backend: Backend, script: impl Into<Script>) -> Self {
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

    pub(crate) async fn threads(&self, count: usize) -> Vec<String> {
        let mut threads = Vec::new();
        for _ in 0..count {
            threads.push(self.user.create_thread().await);
        }
        threads
    }

    /// A question in that thread.
    pub(crate) fn question(&self, thread: &str) -> Request {
        let body = json!({"assistant_id": self.assistant, "content": "How late is it?"});
        let path = format!("/threads/{thread}/messages");
        self.user.request(Method::POST, &path).json(&body)
    }
}

/// The next piece of an answer; `None` when it is over.
pub(crate) async fn next_delta(stream: &mut EventStream) -> Option<String> {
    loop {
        let Event { kind, data, .. } = stream.next().await?;
        match kind.as_str() {
            "message.delta" => return Some(text(&data["text"]).to_owned()),
            "run.failed" => panic!("{data}"),
            _ => {}
        }
    }
}

/// Has each of `jobs` done at the same time; everything that came of them.
pub(crate) async fn at_once<J, T>(jobs: impl IntoIterator<Item = J>) -> Vec<T>
where
    J: Future<Output = Vec<T>> + Send + 'static,
    T: Clone + Send + 'static,
{
    let done: JoinSet<Vec<T>> = jobs.into_iter().collect();
    done.join_all().await.concat()
}
