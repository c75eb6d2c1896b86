//! A chat model's server as a script: OpenAI's chat completions over plain sockets, so that a test
//! has every byte, pause and broken connection in hand.
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

/// A request as it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `POST` for every chat completion.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// In the order sent, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The JSON body; null when there is none.
    pub body: Value,
}

impl Request {
    /// The first header of that name, given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A running server; dropping it closes its port and all its connections.
pub struct ModelServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

/// What the connections tell the test.
struct Shared {
    script: Mutex<Script>,
    requests: watch::Sender<Vec<Request>>,
    abandoned: watch::Sender<usize>,
    connections: AtomicUsize,
}

impl ModelServer {
    /// Listens on a free port of this machine: `Reply` answers every request alike, an array or
    /// `Vec` of replies in turn (the last one for ever), a [`Script`] whatever it decides.
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

    /// A server that says after `delay` how many messages it was sent: for load tests.
    pub async fn echo(delay: Duration) -> Self {
        Self::start(Script::echo(delay)).await
    }

    /// What an OpenAI-compatible provider is configured with: `http://127.0.0.1:<port>/v1`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.root_url())
    }

    /// `http://127.0.0.1:<port>`. The script answers under every path.
    #[must_use]
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, in the order in which they were complete.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.shared.requests.borrow().clone()
    }

    /// How many connections there have been.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Waits until there have been `count` requests.
    pub async fn received(&self, count: usize) {
        let mut requests = self.shared.requests.subscribe();
        let enough = requests.wait_for(|requests| requests.len() >= count);
        enough.await.expect("the server runs");
    }

    /// Waits until `count` clients have gone before their reply was over.
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
