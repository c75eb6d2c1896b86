//! Options of the API.

use std::sync::Arc;

use colloquy_application::ports::IdGenerator;
use colloquy_web::client_address::ProxyNetwork;
use colloquy_web::cors::Origin;
use colloquy_web::metrics::Metrics;
use tokio_util::sync::CancellationToken;

/// Generates IDs for requests without a valid `x-request-id`.
#[derive(Clone)]
pub struct HttpOptions {
    /// Allowed web origins; none by default.
    pub ids: Arc<dyn IdGenerator>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub cors_origins: Vec<Origin>,
    /// Maximum number of running and queued requests; excess ones get 503. Requests that wait for a
    /// model and event streams do not count.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// Cancelled at the start of shutdown; the service is then not ready.
    pub max_requests: usize,
    /// Counts the requests.
    pub draining: CancellationToken,
    /// No cross-origin access, no proxies, 1,024 requests, never draining, separate metrics.
    pub metrics: Metrics,
}

impl HttpOptions {
    /// No cross-origin access, no proxies, 1,024 requests at once, never draining, figures of its
    /// own.
    #[must_use]
    pub fn new(ids: Arc<dyn IdGenerator>) -> Self {
        Self {
            ids,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_requests: 1_024,
            draining: CancellationToken::new(),
            metrics: Metrics::new(),
        }
    }
}
