//! The options of the API.

use std::sync::Arc;

use colloquy_application::ports::IdGenerator;
use colloquy_web::client_address::ProxyNetwork;
use colloquy_web::cors::Origin;
use colloquy_web::metrics::Metrics;
use tokio_util::sync::CancellationToken;

/// What an operator may set of the API, and what it takes from its surroundings.
#[derive(Clone)]
pub struct HttpOptions {
    /// Names the requests that bring no usable `x-request-id`.
    pub ids: Arc<dyn IdGenerator>,
    /// Web origins whose pages may call the API; without one no page of another origin may.
    pub cors_origins: Vec<Origin>,
    /// Proxies whose word counts on where a request comes from.
    pub trusted_proxies: Vec<ProxyNetwork>,
    /// How many requests are worked on or wait for that; further ones are refused until some are
    /// answered. One that waits for a model does not count, nor does a stream of events.
    pub max_requests: usize,
    /// Cancelled when the service is about to stop: from then on it is not ready any more.
    pub draining: CancellationToken,
    /// Counts the requests.
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
