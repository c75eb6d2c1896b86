//! Streams a run's events while the client may see the thread.

use std::future::{pending, ready};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::Response;
use axum::response::sse::Event;
use colloquy_application::Error;
use colloquy_application::runs::RunFollower;
use colloquy_application::threads::Threads;
use colloquy_application::tokens::Tokens;
use colloquy_domain::{RunEvent, ThreadId};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::access_watch::AccessWatch;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::sse;

/// How long shutdown waits for another instance's events. Below the polling interval, so that only
/// stored events are sent.
const FINAL_READ_TIMEOUT: Duration = Duration::from_millis(200);
/// Cancelled at the start of shutdown.
#[derive(Debug, Clone)]
pub struct Draining(pub CancellationToken);

/// Streams run events to this request's caller.
pub struct RunStreams {
    watch: AccessWatch,
    draining: Draining,
    metrics: Metrics,
}

impl<S: Sync> FromRequestParts<S> for RunStreams
where
    Arc<Tokens>: FromRef<S>,
    Arc<Threads>: FromRef<S>,
    Draining: FromRef<S>,
    Metrics: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Ok(Self {
            watch: AccessWatch::from_request_parts(parts, state).await?,
            draining: Draining::from_ref(state),
            metrics: Metrics::from_ref(state),
        })
    }
}

impl RunStreams {
    /// Events from the follower's position, formatted by `frame`, read at the connection's pace.
    pub fn response(
        self,
        thread: ThreadId,
        follower: RunFollower,
        mut frame: impl FnMut(RunEvent) -> Option<Result<Event, axum::Error>> + Send + 'static,
    ) -> Response {
        let counted = self.metrics.event_streams().enter();
        let events = events(follower, self.draining.0)
            .filter_map(move |event| {
                let _until_the_stream_ends = &counted;
                ready(frame(event))
            })
            .take_until(self.watch.lost(thread));
        sse::response(events)
    }
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

/// `None` after the last event, on a store failure or at shutdown; the client can resume.
async fn page(follower: &mut RunFollower, draining: &CancellationToken) -> Option<Vec<RunEvent>> {
    let is_local = follower.is_local();
    tokio::select! {
        page = follower.next() => page.unwrap_or_else(|error| {
            match error {
                Error::NotFound => tracing::debug!("stream ended: the thread was deleted"),
                error => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "stream aborted");
                }
            }
            None
        }),
        () = shutdown(is_local, draining) => None,
    }
}

/// Local runs end at shutdown; other instances' runs are not awaited.
async fn shutdown(is_local: bool, draining: &CancellationToken) {
    if is_local {
        pending::<()>().await;
    }
    draining.cancelled().await;
    sleep(FINAL_READ_TIMEOUT).await;
}
