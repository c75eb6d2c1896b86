//! Counts requests.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use colloquy_application::ports::{Counted, Level};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use tokio::time::Instant;
use tower::layer::layer_fn;
use tower::{Layer, service_fn};

use super::Metrics;
use crate::http_service::HttpService;

/// From cached reads to the longest runs.
const SECONDS: [f64; 14] = [
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0,
];
const UNMATCHED: &str = "unmatched";

pub(super) struct Requests {
    answered: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_progress: Level,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: String,
}

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests = Self {
            answered: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            in_progress: Level::default(),
        };
        registry.register(
            "http_requests",
            "Requests with a response",
            requests.answered.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "Time until responses began",
            requests.durations.clone(),
        );
        requests
    }

    pub(super) fn in_progress(&self) -> usize {
        self.in_progress.get()
    }

    fn note(&self, route: RouteLabels, status: u16, duration: Duration) {
        let durations = self.durations.get_or_create(&route);
        durations.observe(duration.as_secs_f64());
        drop(durations);
        let answered = RequestLabels {
            method: route.method,
            route: route.route,
            status,
        };
        self.answered.get_or_create(&answered).inc();
    }
}

pub(crate) fn layer<S: HttpService>(
    metrics: Metrics,
) -> impl Layer<S, Service = impl HttpService> + Clone {
    layer_fn(move |mut inner: S| {
        let metrics = metrics.clone();
        service_fn(move |request: Request| {
            let counted = CountedRequest::begin(&metrics, &request);
            let response = inner.call(request);
            async move {
                let response = response.await?;
                counted.end(response.status());
                Ok(response)
            }
        })
    })
}

/// Counted by route template.
struct CountedRequest {
    metrics: Metrics,
    route: RouteLabels,
    began: Instant,
    _in_progress: Counted,
}

impl CountedRequest {
    fn begin(metrics: &Metrics, request: &Request) -> Self {
        let path = request.extensions().get::<MatchedPath>();
        Self {
            metrics: metrics.clone(),
            route: RouteLabels {
                method: known_method(request.method()),
                route: path.map_or(UNMATCHED, MatchedPath::as_str).to_owned(),
            },
            began: Instant::now(),
            _in_progress: metrics.0.requests.in_progress.enter(),
        }
    }

    fn end(self, status: StatusCode) {
        let requests = &self.metrics.0.requests;
        requests.note(self.route, status.as_u16(), self.began.elapsed());
    }
}

/// Other methods are client-supplied text.
pub(crate) fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
