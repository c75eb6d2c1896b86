//! The listener and its connections.

mod activity;
mod answers;
mod connection;
mod ending;
mod entry;
mod lane;
mod outgoing;
mod overhead;
mod stall;
mod streams;

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::answers::Answers;
use self::connection::{Connection, Shared};
use crate::client_address::{Network, ProxyNetwork, TrustedProxies};
use crate::limits::{Budget, Limit, Room};
use crate::metrics::Metrics;

pub(crate) use self::activity::{Activity, Waiting};
pub(crate) use self::ending::Ending;
pub(crate) use self::entry::Entry;
pub(crate) use self::lane::{Lane, LaneTurn};
pub use self::outgoing::SharedBytes;
pub(crate) use self::stall::time_for;

/// After a failed accept, for example without free file descriptors.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(500);

/// Options of [`serve`].
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Time for a request head to arrive, and for a connection to idle; at most twice as long.
    pub idle: Duration,
    /// How long a response's reader may be behind 1 KiB/s.
    pub stall: Duration,
    /// One client gets at most three quarters. A new connection replaces an idle one or is closed.
    pub max_connections: usize,
    /// Proxies, whose connections carry many clients.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// Time for requests to finish at shutdown.
    pub grace: Duration,
    /// Connection counters.
    pub metrics: Metrics,
}

impl Default for ServeOptions {
    /// 15 s idle, 30 s stall, 25 s grace, 4,096 connections, separate metrics.
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

/// The kernel doubles it. Its default would buffer megabytes per stalled client and hide the stall.
const SEND_BUFFER: u32 = 128 * 1024;
/// Unsent bytes in the send buffer. Small, so that slow clients show progress every few seconds.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 * 1024;
const BACKLOG: u32 = 1024;
/// HTTP/2 streams that wait for others of their connection; further ones are reset.
const MAX_WAITING_STREAMS: usize = 4_096;

/// Binds the address for [`serve`].
///
/// # Errors
/// If the address is in use or not local.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Restart while old connections linger.
    socket.set_reuseaddr(true)?;
    // Inherited by accepted connections.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    #[cfg(target_os = "linux")]
    socket2::SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves HTTP/1.1 and HTTP/2 (prior knowledge). On `shutdown` stops accepting, closes idle
/// connections, gives requests the grace period and cuts the rest.
///
/// # Errors
/// If the listener has no address. Failed accepts are retried.
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
    tracing::info!(connections = connections.len(), "not accepting connections");
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(options.grace, ended).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections closed");
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
        waiting_streams: Semaphore::new(MAX_WAITING_STREAMS),
        stop: CancellationToken::new(),
        options,
    }
}

/// `None` without capacity.
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

/// Retries failures.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            // The client already disconnected.
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "accepting a connection failed"
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
