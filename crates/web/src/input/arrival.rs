//! Receives request bodies.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName};
use bytes::{Bytes, BytesMut};
use futures_util::future::poll_immediate;
use http_body_util::BodyExt as _;
use tokio::time::timeout;

use crate::concurrency_limit::{AwaitedClient, Permit};
use crate::problem::{Problem, ProblemCode};

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
        if announced_length(request.headers()).is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
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
                arrived.map_err(|_| Problem::malformed("The body did not arrive in time."))??;
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

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(super) fn too_large() -> Problem {
    Problem::new(ProblemCode::PayloadTooLarge, "The body is too large.")
}
