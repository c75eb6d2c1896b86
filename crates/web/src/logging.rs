//! Spans and log line per request.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{MatchedPath, Request};
use axum::response::Response;
use colloquy_application::spans::TARGET;
use colloquy_domain::UserId;
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;
use tower::layer::layer_fn;
use tower::{Layer, service_fn};
use tracing::{Instrument as _, Span, field};

use crate::http_service::HttpService;
use crate::metrics::known_method;
use crate::request_id;

pub(crate) fn layer<S: HttpService>() -> impl Layer<S, Service = impl HttpService> + Clone {
    layer_fn(|mut inner: S| {
        service_fn(move |request: Request| {
            let log = RequestLog::begin(&request);
            let response = log.cover(inner.call(request));
            async move { Ok(log.end(response.await?)) }
        })
    })
}

/// Omits paths, queries, headers, bodies and unknown methods: they may contain secrets.
struct RequestLog {
    span: Span,
    trace: Span,
    started: Instant,
}

impl RequestLog {
    fn begin(request: &Request) -> Self {
        let id = request_id::assigned(request);
        let route = request.extensions().get::<MatchedPath>();
        let route = route.map_or("unknown", MatchedPath::as_str);
        // Unknown methods are client-supplied text.
        let method = known_method(request.method());
        let span = tracing::info_span!(
            "request",
            method,
            route,
            request.id = request_id::text(id.as_ref()),
            user.id = field::Empty,
        );
        // OpenTelemetry's HTTP conventions.
        let trace = tracing::info_span!(
            target: TARGET,
            "http",
            otel.name = format_args!("{method} {route}"),
            otel.kind = "server",
            otel.status_code = field::Empty,
            error.type = field::Empty,
            http.request.method = method,
            http.route = route,
            http.response.status_code = field::Empty,
        );
        Self {
            span,
            trace,
            started: Instant::now(),
        }
    }

    fn cover<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        work.instrument(self.span.clone())
            .instrument(self.trace.clone())
    }

    /// A streamed body continues within the spans.
    fn end(self, response: Response) -> Response {
        let status = response.status().as_u16();
        self.span.in_scope(|| {
            tracing::info!(
                status,
                latency_ms = self.started.elapsed().as_micros() as f64 / 1_000.0,
                "answered"
            );
        });
        self.trace
            .record("http.response.status_code", i64::from(status));
        if response.status().is_server_error() {
            self.trace.record("error.type", field::display(status));
            self.trace.record("otel.status_code", "error");
        }
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        response.map(|body| Body::new(Spanned { body, log: self }))
    }
}

/// Polls the body within the request's span: event streams log while being sent.
struct Spanned {
    body: Body,
    log: RequestLog,
}

impl HttpBody for Spanned {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, log } = &mut *self;
        log.span.in_scope(|| Pin::new(body).poll_frame(context))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

pub(crate) fn note_user(user: UserId) {
    Span::current().record("user.id", field::display(user));
}
