use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::ServeOptions;
use super::activity::Activity;
use super::stall::StallLimit;

const MAX_HEAD_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 100;
const MAX_H2_HEAD_BYTES: u32 = 16 * 1024;
const MAX_H2_STREAMS: u32 = 200;
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take.
const H2_PING: Duration = Duration::from_secs(20);
/// How long an idle connection has to take leave once the service stops.
const LEAVE: Duration = Duration::from_millis(500);

/// Serves one connection until it ends, has been idle for too long or is told to stop.
pub(super) async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    options: ServeOptions,
    stop: CancellationToken,
) {
    let _counted = options.metrics.connections().enter();
    // Answers are small: waiting to fill a packet would only delay them. A socket that refuses
    // is closed already, which shows at the first read.
    let _ = stream.set_nodelay(true);
    let stream = StallLimit::new(stream, options.stall);
    let activity = Activity::default();
    let service = service_fn(|request| answer(router.clone(), activity.clone(), peer, request));
    let builder = builder();
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        result = connection.as_mut() => log(result),
        // Dropped, and so closed: nobody waits for an answer on it.
        () = activity.idle(options.idle) => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                result = connection => log(result),
                () = activity.idle(LEAVE) => {}
            }
        }
    }
}

async fn answer(
    router: Router,
    activity: Activity,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<impl HttpBody<Data = Bytes, Error = axum::Error>>, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let under_way = activity.begin();
    let response = router.oneshot(request.map(Body::new)).await?;
    // The body keeps it until the last frame is on its way.
    let hold = move |frame| {
        let _ = &under_way;
        frame
    };
    Ok(response.map(|body| body.map_frame(hold)))
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_H2_STREAMS)
        .max_header_list_size(MAX_H2_HEAD_BYTES)
        .keep_alive_interval(H2_PING)
        .keep_alive_timeout(H2_PING);
    builder
}

/// What goes wrong with a connection is nearly always the client's doing.
fn log(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    if let Err(error) = result {
        tracing::debug!(
            error = &*error as &dyn std::error::Error,
            "connection failed"
        );
    }
}
