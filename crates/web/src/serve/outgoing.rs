//! Response bodies being sent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use bytes::Buf;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::answers::Sending;

/// The connection holds a chunk until it is sent, even if the response is cut.
const CHUNK_BYTES: usize = 32 * 1024;

/// Marks responses whose bytes are shared and cost nothing extra.
#[derive(Debug, Clone, Copy)]
pub struct SharedBytes;

pub(super) struct Outgoing {
    body: Body,
    sending: Arc<Sending>,
    rest: Bytes,
    /// Accounted for as a whole at the start, not per chunk.
    is_counted: bool,
}

impl Outgoing {
    pub(super) fn new(body: Body, sending: Sending, is_counted: bool) -> Self {
        Self {
            body,
            sending: Arc::new(sending),
            rest: Bytes::new(),
            is_counted,
        }
    }

    fn piece(&mut self) -> Frame<Piece> {
        let bytes = self.rest.split_to(CHUNK_BYTES.min(self.rest.len()));
        let counted = if self.is_counted { 0 } else { bytes.len() };
        if counted > 0 {
            self.sending.grow(counted);
        }
        let sending = Arc::clone(&self.sending);
        Frame::data(Piece {
            bytes,
            sending,
            counted,
        })
    }
}

impl HttpBody for Outgoing {
    type Data = Piece;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, axum::Error>>> {
        if self.rest.is_empty() {
            let polled = Pin::new(&mut self.body).poll_frame(context);
            self.sending.offer(polled.is_ready());
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(frame) => {
                        return Poll::Ready(Some(Ok(
                            frame.map_data(|_| Piece::none(&self.sending))
                        )));
                    }
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        Poll::Ready(Some(Ok(self.piece())))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.rest.len() as u64;
        let hint = self.body.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower() + left);
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + left);
        }
        whole
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.sending.hand_over();
    }
}

pub(super) struct Piece {
    bytes: Bytes,
    sending: Arc<Sending>,
    counted: usize,
}

impl Piece {
    fn none(sending: &Arc<Sending>) -> Self {
        Self {
            bytes: Bytes::new(),
            sending: Arc::clone(sending),
            counted: 0,
        }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.sending.progress(count);
        self.bytes.advance(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.counted > 0 {
            self.sending.shrink(self.counted);
        }
    }
}
