//! Serving connections.

mod activity;
mod answers;
mod connection;
mod outgoing;
mod stall;
mod streams;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::answers::Answers;
use self::connection::{Connection, Shared};
use crate::client_address::{Network, ProxyNetwork, TrustedProxies};
use crate::limits::{Budget, Limit, Room};
use crate::metrics::Metrics;

pub(crate) use self::activity::{Activity, Waiting};
pub use self::outgoing::SharedBytes;

/// How long to wait when no connection can be accepted, for example without descriptors left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(500);

/// What an operator may set of serving.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// How long a client may take to send a request's head, and how long a connection may be
    /// idle, at the least; twice as long at the most.
    pub idle: Duration,
    /// How long a client may take nothing of an answer that is being sent.
    pub stall: Duration,
    /// How many connections there may be; one client has at most three quarters of them. A further
    /// one takes the place of one that waits for its client, or is closed as soon as it comes.
    pub max_connections: usize,
    /// Proxies whose connections are those of many clients.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// How long requests under way have to end once the service stops.
    pub grace: Duration,
    /// Counts the connections.
    pub metrics: Metrics,
}

impl Default for ServeOptions {
    /// 15 seconds of idleness, 30 of stalling, 25 of grace, 4,096 connections; figures of its own.
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            max_connections: 4_096,
            trusted_proxies: Vec::new(),
            grace: Duration::from_secs(25),
            metrics: Metrics::new(),
        }
    }
}

/// What the system takes over of an answer before the client does; it makes twice as much of it.
/// By itself it would take some megabytes for each client that reads nothing, and hide from us that
/// they do not.
const SEND_BUFFER: u32 = 128 * 1024;
/// How many connections wait to be accepted.
const BACKLOG: u32 = 1024;

/// Takes the address, to [`serve`] there.
///
/// # Errors
/// When it is taken, or not one of this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A service that is started again finds connections of the one before.
    socket.set_reuseaddr(true)?;
    // Connections have it from the socket that they come in by.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves HTTP/1.1 and, to clients that begin with it, HTTP/2 until `shutdown` comes: then it
/// takes no more connections, closes the idle ones, lets requests under way end within the grace
/// and cuts the rest.
///
/// # Errors
/// Only the listener's own, when it has no address any more; a failure to accept a connection
/// does not end the service.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    tracing::info!(address = %listener.local_addr()?, "listening");
    let shared = Arc::new(shared(router, options));
    let mut connections = JoinSet::new();
    let mut watch = JoinSet::new();
    watch.spawn(shared.answers.clone().watch());
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_ended) = connections.join_next() => {}
            (stream, peer) = accept(&listener) => {
                if let Some(connection) = admit(&shared, stream, peer) {
                    connections.spawn(connection);
                }
            }
        }
    }
    let Shared { options, stop, .. } = &*shared;
    drop(listener);
    stop.cancel();
    tracing::info!(connections = connections.len(), "no more connections taken");
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(options.grace, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut");
    }
    Ok(())
}

fn shared(router: Router, options: ServeOptions) -> Shared {
    let limits = options.metrics.limits().clone();
    let room = Room {
        total: options.max_connections,
        hard: None,
    };
    Shared {
        router,
        proxies: TrustedProxies::new(options.trusted_proxies.clone()),
        connections: Budget::new(room, Limit::Connections, limits.clone()),
        answers: Answers::new(options.stall, limits),
        stop: CancellationToken::new(),
        options,
    }
}

/// The connection's work, if there is room for it.
fn admit(
    shared: &Arc<Shared>,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<impl Future<Output = ()> + use<>> {
    let max = shared.options.max_connections;
    let is_proxy = shared.proxies.include(peer.ip().to_canonical());
    let per_client = if is_proxy { max } else { max - max / 4 };
    let client = Network::from_address(peer.ip());
    let connection = Arc::new(Connection::default());
    let holder = Arc::clone(&connection);
    let share = shared
        .connections
        .take(client, per_client, 1, holder)
        .ok()?;
    Some(connection::run(
        stream,
        peer,
        connection,
        share,
        Arc::clone(shared),
    ))
}

/// The next connection. Failures to accept one are waited out.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client's own doing: it has gone away already.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "connection not accepted"
                );
                sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
