use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use colloquy_domain::UserId;
use tokio::time::Instant;
use tracing::{Instrument as _, Span, field};

use crate::request_id::RequestId;

/// Puts the request into a span of its own and says how it was answered. Paths, query strings,
/// headers and bodies stay out of the log: they may carry secrets.
pub(crate) async fn log(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let span = tracing::info_span!(
        "request",
        method = %request.method(),
        route = route.map_or("unknown", MatchedPath::as_str),
        request.id = RequestId::of(request.extensions()).as_str(),
        user.id = field::Empty,
    );
    let started = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let _entered = span.entered();
    tracing::info!(
        status = response.status().as_u16(),
        latency_ms = started.elapsed().as_micros() as f64 / 1_000.0,
        "answered"
    );
    response
}

/// Says whose the request is, once that is known.
pub(crate) fn note_user(user: UserId) {
    Span::current().record("user.id", field::display(user));
}
