//! Sends the events of a run to a client, for as long as they may see the run's thread.

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

/// How long a service that stops still looks for events of a run that another instance works on.
/// Shorter than the pause between two looks for new ones: what is there is found at once.
const LAST_LOOK: Duration = Duration::from_millis(200);
/// Cancelled when the service is about to stop.
#[derive(Debug, Clone)]
pub struct Draining(pub CancellationToken);

/// Sends the events of runs to the caller of this request, for as long as they may see them.
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
    /// The events from where the follower stands, of a run in that thread, each as `frame` writes
    /// it. They are read as fast as the connection takes them, a page at a time.
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
