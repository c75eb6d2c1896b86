use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use colloquy_domain::UserId;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;
use tracing::{Span, field};

use crate::request_id::RequestId;

/// A request's span, and how it was answered. Paths, query strings, headers and bodies stay out of
/// the log: they may carry secrets.
pub(crate) struct RequestLog {
    span: Span,
    started: Instant,
}

impl RequestLog {
    pub(crate) fn begin(request: &Request, id: &RequestId) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let span = tracing::info_span!(
            "request",
            method = %request.method(),
            route = route.map_or("unknown", MatchedPath::as_str),
            request.id = id.as_str(),
            user.id = field::Empty,
        );
        Self {
            span,
            started: Instant::now(),
        }
    }

    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    /// Says how the request was answered. A body that is still to be made is made in its span.
    pub(crate) fn end(self, response: Response) -> Response {
        let Self { span, started } = self;
        span.in_scope(|| {
            tracing::info!(
                status = response.status().as_u16(),
                latency_ms = started.elapsed().as_micros() as f64 / 1_000.0,
                "answered"
            );
        });
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| Body::new(Spanned { body, span }))
    }
}

/// A body that is made within the request's span: an event stream has things to say after its
/// answer has begun.
struct Spanned {
    body: Body,
    span: Span,
}

impl HttpBody for Spanned {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, span } = &mut *self;
        let _entered = span.enter();
        Pin::new(body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Says whose the request is, once that is known.
pub(crate) fn note_user(user: UserId) {
    Span::current().record("user.id", field::display(user));
}
