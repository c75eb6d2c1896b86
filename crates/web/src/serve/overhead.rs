//! Bounds what a connection sends besides requests: HTTP/2 answers pings, settings and unknown
//! frames without end.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use tokio::time::Instant;

/// Bytes that a connection may send at once besides requests.
const MOST: u64 = 2 * 1024 * 1024;
/// What it regains: some thousand of the smallest frames, which cost next to nothing.
const PER_SECOND: u64 = 64 * 1024;
/// Of a request: its head, and the body that arrives although nobody wants it.
const REQUEST: u64 = 192 * 1024;
/// Of a piece of a body, besides its bytes.
const FRAME: u64 = 64;

/// A connection's allowance. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Overhead(Arc<Mutex<Allowance>>);

#[derive(Debug)]
struct Allowance {
    left: u64,
    since: Instant,
}

impl Default for Overhead {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Allowance {
            left: MOST,
            since: Instant::now(),
        })))
    }
}

impl Overhead {
    /// Whether the connection may go on after it has sent this much.
    pub(super) fn spend(&self, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.with(|allowance| {
            allowance.regain();
            let left = allowance.left.checked_sub(bytes);
            allowance.left = left.unwrap_or(0);
            left.is_some()
        })
    }

    pub(super) fn note_request(&self) {
        self.add(REQUEST);
    }

    fn add(&self, bytes: u64) {
        self.with(|allowance| allowance.left = allowance.left.saturating_add(bytes).min(MOST));
    }

    fn with<T>(&self, step: impl FnOnce(&mut Allowance) -> T) -> T {
        step(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Allowance {
    fn regain(&mut self) {
        let millis = self.since.elapsed().as_millis();
        let regained = u64::try_from(millis).unwrap_or(u64::MAX) / 100 * (PER_SECOND / 10);
        if regained > 0 {
            self.since = Instant::now();
            self.left = self.left.saturating_add(regained).min(MOST);
        }
    }
}

/// A request body, whose bytes are no overhead.
pub(super) struct Received {
    body: Incoming,
    overhead: Overhead,
}

impl Received {
    pub(super) const fn new(body: Incoming, overhead: Overhead) -> Self {
        Self { body, overhead }
    }
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            self.overhead.add(FRAME.saturating_add(bytes as u64));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::{MOST, Overhead, PER_SECOND};

    /// Seconds for which this many bytes a second are taken, at most a minute.
    async fn lasts(bytes: u64, has_requests: bool) -> usize {
        let overhead = Overhead::default();
        for second in 0..60 {
            if has_requests {
                overhead.note_request();
            }
            if !overhead.spend(usize::try_from(bytes).unwrap()) {
                return second;
            }
            advance(Duration::from_secs(1)).await;
        }
        60
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_without_requests_ends_and_what_requests_need_does_not() {
        assert_eq!(lasts(PER_SECOND, false).await, 60);
        assert_eq!(lasts(3 * PER_SECOND, true).await, 60);
        assert!(lasts(3 * PER_SECOND, false).await < 20);
        assert_eq!(lasts(MOST + 1, false).await, 0);
    }
}
