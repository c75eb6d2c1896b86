//! Event-stream responses.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use http_body_util::BodyExt as _;

/// Keep-alive interval: proxies close silent connections.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);
/// Frames from this size on are copied, see `fitted`.
const LARGE: usize = 16 * 1024;
/// Prevents caching and proxy buffering.
const HEADERS: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

/// Sends these events.
pub fn response(
    events: impl Stream<Item = Result<Event, axum::Error>> + Send + 'static,
) -> Response {
    let silence = KeepAlive::new()
        .interval(KEEP_ALIVE_INTERVAL)
        .text("keep-alive");
    let response = (HEADERS, Sse::new(events).keep_alive(silence)).into_response();
    response.map(|body| Body::new(body.map_frame(|frame| frame.map_data(fitted))))
}

/// Drops spare capacity, up to half a frame's memory: it may wait for a stalled reader.
fn fitted(frame: Bytes) -> Bytes {
    if frame.len() < LARGE {
        return frame;
    }
    Bytes::copy_from_slice(&frame)
}
