//! Options of the API.

use std::sync::Arc;

use axum::Router;
use colloquy_application::ports::IdGenerator;
use colloquy_web::authenticator::Authenticator;
use colloquy_web::client_address::ProxyNetwork;
use colloquy_web::cors::Origin;
use colloquy_web::metrics::Metrics;
use tokio_util::sync::CancellationToken;

/// Settings of the API and what it depends on.
#[derive(Clone)]
pub struct HttpOptions {
    /// Generates IDs for requests without a valid `x-request-id`.
    pub ids: Arc<dyn IdGenerator>,
    /// Allowed web origins; none by default.
    pub cors_origins: Vec<Origin>,
    /// Proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// Maximum number of running and queued requests; excess ones get 503. Requests that wait for a
    /// model and event streams do not count.
    pub max_requests: usize,
    /// Cancelled at the start of shutdown; the service is then not ready.
    pub draining: CancellationToken,
    /// Counts the requests.
    pub metrics: Metrics,
    /// Identifies senders beside their bearer tokens.
    pub authenticator: Option<Arc<dyn Authenticator>>,
    /// Further routes, behind the same middleware. They must not overlap with the API's.
    pub routes: Router,
}

impl HttpOptions {
    /// No cross-origin access, no proxies, 1,024 requests, never draining, separate metrics.
    #[must_use]
    pub fn new(ids: Arc<dyn IdGenerator>) -> Self {
        Self {
            ids,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            max_requests: 1_024,
            draining: CancellationToken::new(),
            metrics: Metrics::new(),
            authenticator: None,
            routes: Router::new(),
        }
    }
}
