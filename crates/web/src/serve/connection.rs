//! Serves one connection.

use std::convert::Infallible;
use std::future::pending;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::ServeOptions;
use super::activity::Activity;
use super::answers::{Answer, Answers};
use super::ending::Ending;
use super::entry::{Entrance, Entry};
use super::lane::{Lane, LaneTurn};
use super::outgoing::{Outgoing, SharedBytes};
use super::overhead::{Overhead, Received};
use super::stall::StallLimit;
use super::streams::{self, StreamTasks};
use crate::client_address::{Network, TrustedProxies};
use crate::limits::{Budget, Cut, Holder, Share};

const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_H2_HEAD_BYTES: u32 = 16 * 1024;
/// Minimum recommended by RFC 9113, section 6.5.2.
const MAX_H2_STREAMS: u32 = 100;
const H2_STREAM_WINDOW: u32 = 128 * 1024;
const H2_CONNECTION_WINDOW: u32 = 256 * 1024;
const H2_SEND_BUFFER: usize = 64 * 1024;
/// Interval and timeout.
const H2_PING: Duration = Duration::from_secs(20);
/// Time for an idle connection to close at shutdown.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

pub(super) struct Shared {
    pub(super) router: Router,
    pub(super) options: ServeOptions,
    pub(super) proxies: TrustedProxies,
    pub(super) connections: Budget<Connection>,
    pub(super) answers: Answers,
    pub(super) waiting_streams: Semaphore,
    pub(super) stop: CancellationToken,
}

#[derive(Clone, Default)]
pub(super) struct Connection {
    activity: Activity,
    entrance: Entrance,
    lane: Lane,
    overhead: Overhead,
    end: CancellationToken,
}

impl Holder for Connection {
    fn may_yield(&self) -> bool {
        self.activity.only_waits()
    }

    fn cut(&self, _cut: Cut) {
        self.end.cancel();
    }
}

/// Serves until the connection ends, idles too long, is stopped or evicted.
pub(super) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    connection: Arc<Connection>,
    share: Share<Connection>,
    shared: Arc<Shared>,
) {
    let options = &shared.options;
    let _share = share;
    let _counted = options.metrics.connections().enter();
    // Responses are small. Failure means a closed socket, which the first read reports.
    let _ = stream.set_nodelay(true);
    let Connection { activity, end, .. } = &*connection;
    let stream = StallLimit::new(stream, options.stall, activity.clone())
        .with_overhead(connection.overhead.clone());
    let service = service_fn(|request| {
        let (shared, connection) = (Arc::clone(&shared), Arc::clone(&connection));
        answer(shared, connection, peer, request)
    });
    let builder = builder(StreamTasks(end.clone()));
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        result = serving.as_mut() => log(result),
        // Dropped, hence closed: no response is awaited, or none is read.
        () = activity.idle(options.idle) => {}
        () = end.cancelled() => {}
        () = shared.stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                result = serving => log(result),
                () = activity.idle(CLOSE_TIMEOUT) => {}
                () = end.cancelled() => {}
            }
        }
    }
}

async fn answer(
    shared: Arc<Shared>,
    connection: Arc<Connection>,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Outgoing>, Infallible> {
    let activity = connection.activity.clone();
    let under_way = activity.begin();
    let overhead = connection.overhead.clone();
    overhead.note_request();
    request.extensions_mut().insert(ConnectInfo(peer));
    request.extensions_mut().insert(activity.clone());
    let stream = streams::current();
    let is_proxy = shared.proxies.include(peer.ip().to_canonical());
    let end = stream.clone().filter(|_| is_proxy);
    let ending = Ending::of(end.unwrap_or_else(|| connection.end.clone()));
    request.extensions_mut().insert(ending.clone());
    let mut entry = Entry::default();
    if !is_proxy {
        entry = enter(&shared, &connection, stream.as_ref()).await;
        request.extensions_mut().insert(connection.lane.clone());
        request.extensions_mut().insert(entry.clone());
    }
    let client = Network::from_request(&request, &shared.proxies);
    let mut response = shared
        .router
        .clone()
        .oneshot(request.map(|body| Body::new(Received::new(body, overhead))))
        .await?;
    entry.leave();
    let answer = Answer::new(under_way, activity, connection.end.clone(), stream, ending);
    let size = response.body().size_hint().exact();
    let is_shared = response.extensions().get::<SharedBytes>().is_some();
    let bytes = size.filter(|_| !is_shared).unwrap_or(0);
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let turn = response.extensions_mut().remove::<LaneTurn>();
    let sending = shared.answers.begin(client, bytes, Arc::new(answer), turn);
    Ok(response.map(|body| Outgoing::new(body, sending, size.is_some())))
}

/// Waits while too many requests of this connection are handled.
async fn enter(
    shared: &Shared,
    connection: &Connection,
    stream: Option<&CancellationToken>,
) -> Entry {
    if let Some(entry) = connection.entrance.try_enter() {
        return entry;
    }
    let _waiting = connection.activity.wait();
    let Ok(_permit) = shared.waiting_streams.try_acquire() else {
        stream.unwrap_or(&connection.end).cancel();
        return pending().await;
    };
    connection.entrance.enter().await
}

fn builder(tasks: StreamTasks) -> auto::Builder<StreamTasks> {
    let mut builder = auto::Builder::new(tasks);
    builder
        .http1()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_H2_STREAMS)
        .initial_stream_window_size(H2_STREAM_WINDOW)
        .initial_connection_window_size(H2_CONNECTION_WINDOW)
        .max_send_buf_size(H2_SEND_BUFFER)
        .max_header_list_size(MAX_H2_HEAD_BYTES)
        .keep_alive_interval(H2_PING)
        .keep_alive_timeout(H2_PING);
    builder
}

/// Nearly always caused by the client.
fn log(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = result {
        tracing::debug!(
            error = &*error as &dyn std::error::Error,
            "connection failed"
        );
    }
}
