//! Receives request bodies.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName};
use bytes::{Bytes, BytesMut};
use futures_util::future::poll_immediate;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout};

use crate::concurrency_limit::{AwaitedClient, Permit};
use crate::problem::{Problem, ProblemCode};
use crate::serve::time_for;

/// Maximum time for a body to arrive; for one that is streamed, by which it may fall behind.
const ARRIVAL: Duration = Duration::from_secs(30);

pub(super) struct Incoming {
    body: Body,
    limit: usize,
    received: BytesMut,
    turn: Permit,
}

impl Incoming {
    /// Fails if the announced length exceeds `limit`.
    pub(super) fn new(request: Request, limit: usize) -> Result<Self, Problem> {
        check_announced_length(request.headers(), limit as u64)?;
        Ok(Self {
            turn: Permit::from_extensions(request.extensions()),
            body: request.into_body(),
            limit,
            received: BytesMut::new(),
        })
    }

    /// Waits for the complete body with the slot released.
    pub(super) async fn whole(mut self) -> Result<Bytes, Problem> {
        if let Some(arrived) = poll_immediate(self.receive(None)).await {
            return arrived.map(|()| self.received.freeze());
        }
        let waiting = self.turn.await_body()?;
        waiting.grow(self.received.capacity())?;
        tokio::select! {
            arrived = timeout(ARRIVAL, self.receive(Some(&waiting))) => {
                arrived.map_err(|_| late())??;
            }
            lost = waiting.lost() => return Err(lost),
        }
        drop(waiting);
        self.turn.resume().await?;
        Ok(self.received.freeze())
    }

    /// Copies each chunk: small chunks could pin large buffers.
    async fn receive(&mut self, waiting: Option<&AwaitedClient>) -> Result<(), Problem> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|_| Problem::malformed("The body is incomplete."))?;
            let Some(data) = frame.data_ref() else {
                continue;
            };
            if self.received.len() + data.len() > self.limit {
                return Err(too_large());
            }
            let before = self.received.capacity();
            self.received.extend_from_slice(data);
            if let Some(waiting) = waiting {
                waiting.grow(self.received.capacity().saturating_sub(before))?;
            }
        }
        Ok(())
    }
}

/// A request body that is read piece by piece, however long that takes at a fair rate.
pub(super) struct Arriving {
    body: Body,
    /// Bytes that may still arrive.
    left: u64,
    pace: Pace,
    waiting: AwaitedClient,
}

impl Arriving {
    /// The body of a request, limited to `limit` bytes. Releases the request's slot for good.
    ///
    /// # Errors
    /// If it announces more.
    pub(super) fn new(request: Request, limit: u64) -> Result<Self, Problem> {
        check_announced_length(request.headers(), limit)?;
        let turn = Permit::from_extensions(request.extensions());
        Ok(Self {
            waiting: turn.await_body()?,
            body: request.into_body(),
            left: limit,
            pace: Pace::default(),
        })
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        loop {
            let frame = tokio::select! {
                frame = self.pace.wait(self.body.frame()) => frame.ok_or_else(late)?,
                lost = self.waiting.lost() => return Err(lost),
            };
            let Some(frame) = frame else {
                return Ok(None);
            };
            let frame = frame.map_err(|_| Problem::malformed("The body is incomplete."))?;
            if let Ok(data) = frame.into_data() {
                let length = data.len() as u64;
                self.left = self.left.checked_sub(length).ok_or_else(too_large)?;
                self.pace.receive(length);
                return Ok(Some(data));
            }
        }
    }
}

fn late() -> Problem {
    Problem::malformed("The body did not arrive in time.")
}

/// How long a client may keep us waiting: every byte gives back the time that it may take.
struct Pace {
    left: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { left: ARRIVAL }
    }
}

impl Pace {
    /// Waits for the next bytes; `None` if they come too late.
    async fn wait<F: Future>(&mut self, arrival: F) -> Option<F::Output> {
        let since = Instant::now();
        let arrived = timeout(self.left, arrival).await.ok();
        self.left = self.left.saturating_sub(since.elapsed());
        arrived
    }

    fn receive(&mut self, bytes: u64) {
        self.left = self.left.saturating_add(time_for(bytes)).min(ARRIVAL);
    }
}

/// Encoded bodies are unsupported. Checked first: they would look malformed.
pub(super) fn refuse_encoded(headers: &HeaderMap) -> Result<(), Problem> {
    let is_plain = has_only(headers, CONTENT_ENCODING, "identity")
        && has_only(headers, TRANSFER_ENCODING, "chunked");
    is_plain.then_some(()).ok_or_else(Problem::encoded)
}

fn has_only(headers: &HeaderMap, header: HeaderName, encoding: &str) -> bool {
    headers.get_all(header).iter().all(|value| {
        let text = value.to_str().unwrap_or("unreadable");
        let mut encodings = text.split(',').map(str::trim);
        encodings.all(|it| it.is_empty() || it.eq_ignore_ascii_case(encoding))
    })
}

/// Refuses a body that announces more than `limit` bytes.
pub(super) fn check_announced_length(headers: &HeaderMap, limit: u64) -> Result<(), Problem> {
    let announced = announced_length(headers);
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    Ok(())
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(super) fn too_large() -> Problem {
    Problem::new(ProblemCode::PayloadTooLarge, "The body is too large.")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::Pace;

    /// Whether a client that sends so many bytes every second is waited for, for ten minutes.
    async fn is_waited_for(bytes: u64) -> bool {
        let mut pace = Pace::default();
        for _ in 0..600 {
            if pace.wait(sleep(Duration::from_secs(1))).await.is_none() {
                return false;
            }
            pace.receive(bytes);
        }
        true
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sender_is_waited_for_and_one_who_only_trickles_is_not() {
        assert!(is_waited_for(1_100).await);
        assert!(!is_waited_for(900).await);
        assert!(!is_waited_for(1).await);
        let pause = sleep(Duration::from_secs(31));
        assert!(Pace::default().wait(pause).await.is_none());
    }
}
