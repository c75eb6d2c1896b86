//! A scripted chat-model server: OpenAI chat completions over plain sockets, to control every byte,
//! pause and disconnect.
//!
//! ```
//! use colloquy_tests::model_server::{ModelServer, Reply};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let script = [Reply::status(503), Reply::answer("Hello")];
//! let server = ModelServer::start(script).await;
//! assert!(server.base_url().ends_with("/v1"));
//! assert!(server.requests().is_empty());
//! # }
//! ```

mod connection;
mod gate;
mod reply;
mod script;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

pub use gate::Gate;
pub use reply::Reply;
pub use script::Script;

/// A received request.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `POST` for chat completions.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// In order, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// The JSON body; null if empty.
    pub body: Value,
}

impl Request {
    /// The first header of that lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A running server; stops on drop.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

struct Shared {
    script: Mutex<Script>,
    requests: watch::Sender<Vec<Request>>,
    abandoned: watch::Sender<usize>,
    connections: AtomicUsize,
}

impl ModelServer {
    /// Listens on a free local port. A `Reply` answers every request; an array or `Vec` answers in
    /// turn, repeating the last; a [`Script`] decides per request.
    pub async fn start(script: impl Into<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            script: Mutex::new(script.into()),
            requests: watch::Sender::default(),
            abandoned: watch::Sender::default(),
            connections: AtomicUsize::new(0),
        });
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            listening,
        }
    }

    /// For load tests: answers after `delay` with the number of messages received.
    pub async fn echo(delay: Duration) -> Self {
        Self::start(Script::echo(delay)).await
    }

    /// Base URL for an OpenAI-compatible provider: `http://127.0.0.1:<port>/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.root_url())
    }

    /// `http://127.0.0.1:<port>`; every path is served.
    #[must_use]
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, in order of completion.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.borrow().clone()
    }

    /// Number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Waits until `count` requests were received.
    pub async fn received(&self, count: usize) {
        let mut requests = self.shared.requests.subscribe();
        let enough = requests.wait_for(|requests| requests.len() >= count);
        enough.await.expect("the server runs");
    }

    /// Waits until `count` clients disconnected early.
    pub async fn abandoned(&self, count: usize) {
        let mut abandoned = self.shared.abandoned.subscribe();
        let enough = abandoned.wait_for(|abandoned| *abandoned >= count);
        enough.await.expect("the server runs");
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.expect("a connection");
                shared.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(connection::serve(stream, Arc::clone(&shared)));
            }
            Some(ended) = connections.join_next() => ended.expect("a connection without a panic"),
        }
    }
}
