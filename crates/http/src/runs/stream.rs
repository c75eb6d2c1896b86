use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRef, FromRequestParts};
use axum::http::header::{CACHE_CONTROL, HeaderName};
use axum::http::request::Parts;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use colloquy_application::Error;
use colloquy_application::runs::RunFollower;
use colloquy_application::threads::Threads;
use colloquy_application::tokens::Tokens;
use colloquy_domain::{RunEvent, ThreadId};
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::BodyExt as _;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::event::RunEventView;
use crate::Metrics;
use crate::auth::Standing;
use crate::problem::Problem;
use crate::state::Readiness;

/// The longest silence; a comment breaks it, so that nobody in between takes the connection for
/// dead.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a service that stops still looks for events of a run that another instance works on.
/// Shorter than the pause between two looks for new ones: what is there is found at once.
const LAST_LOOK: Duration = Duration::from_millis(200);
/// From how many bytes on the room that a frame takes matters.
const LARGE: usize = 16 * 1024;
/// Not kept by anybody, and not held back by proxies.
const HEADERS: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("x-accel-buffering"), "no"),
];

/// Sends the events of runs to the caller of this request, for as long as they may see them.
pub(crate) struct RunStreams {
    standing: Standing,
    draining: CancellationToken,
    metrics: Metrics,
}

impl<S: Sync> FromRequestParts<S> for RunStreams
where
    Arc<Tokens>: FromRef<S>,
    Arc<Threads>: FromRef<S>,
    Readiness: FromRef<S>,
    Metrics: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self {
            standing: Standing::from_request_parts(parts, state).await?,
            draining: Readiness::from_ref(state).draining,
            metrics: Metrics::from_ref(state),
        })
    }
}

impl RunStreams {
    /// The events behind which the follower stands, of a run in that thread. They are read as fast
    /// as the connection takes them, a page at a time.
    pub(crate) fn of(self, thread: ThreadId, follower: RunFollower) -> Response {
        let counted = self.metrics.event_streams().enter();
        let events = events(follower, self.draining)
            .filter_map(move |event| {
                let _until_the_stream_ends = &counted;
                ready(frame(event))
            })
            .take_until(self.standing.lost(thread));
        let silence = KeepAlive::new().interval(SILENCE).text("keep-alive");
        let response = (HEADERS, Sse::new(events).keep_alive(silence)).into_response();
        response.map(|body| Body::new(body.map_frame(|frame| frame.map_data(fitted))))
    }
}

/// A large frame without the room that was left when it was written, which is up to as much again:
/// it may wait for a reader who takes nothing.
fn fitted(frame: Bytes) -> Bytes {
    if frame.len() < LARGE {
        return frame;
    }
    Bytes::copy_from_slice(&frame)
}

fn events(
    follower: RunFollower,
    draining: CancellationToken,
) -> impl Stream<Item = RunEvent> + Send {
    let pages = stream::unfold((follower, draining), async |(mut follower, draining)| {
        let page = page(&mut follower, &draining).await?;
        Some((stream::iter(page), (follower, draining)))
    });
    pages.flatten()
}

/// The next page; none behind the last event, when the store fails and when nobody should be kept
/// waiting any more. The client may go on from where it is.
async fn page(follower: &mut RunFollower, draining: &CancellationToken) -> Option<Vec<RunEvent>> {
    let is_local = follower.is_local();
    tokio::select! {
        page = follower.next() => page.unwrap_or_else(|error| {
            match error {
                Error::NotFound => tracing::debug!("stream ended: the thread was deleted"),
                error => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "stream broken off");
                }
            }
            None
        }),
        () = dismissal(is_local, draining) => None,
    }
}

/// A service that stops ends its own runs; those of others it waits for no longer.
async fn dismissal(is_local: bool, draining: &CancellationToken) {
    if is_local {
        pending::<()>().await;
    }
    draining.cancelled().await;
    sleep(LAST_LOOK).await;
}

/// The event on the wire. Its data is JSON in one line, whatever the model has said.
fn frame(event: RunEvent) -> Option<Result<Event, axum::Error>> {
    let view = RunEventView::of(event.kind)?;
    let frame = Event::default()
        .id(event.number.to_string())
        .event(view.name());
    Some(frame.json_data(view))
}
