//! Prometheus metrics, for a separate listener.
//!
//! Events are counted as they happen ([`Metrics`] is the use cases' `Observer`); state is sampled
//! per scrape ([`Readings`]). Labels hold no user input: routes are templates, models appear as
//! their provider.

mod count;
mod exposition;
mod observed;

use std::fmt;
use std::sync::Arc;

use colloquy_application::ports::{Level, Reading, Readings};

use self::count::Requests;
use self::observed::Observed;
use crate::limits::Limits;

pub(crate) use self::count::{known_method, layer};
pub use self::exposition::CONTENT_TYPE;

/// All counters; clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Figures>);

struct Figures {
    registry: prometheus_client::registry::Registry,
    requests: Requests,
    observed: Observed,
    connections: Level,
    event_streams: Level,
    limits: Limits,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = prometheus_client::registry::Registry::with_prefix("colloquy");
        Self(Arc::new(Figures {
            requests: Requests::register(&mut registry),
            observed: Observed::register(&mut registry),
            registry,
            connections: Level::default(),
            event_streams: Level::default(),
            limits: Limits::default(),
        }))
    }
}

impl Metrics {
    /// Creates zeroed counters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counters and `readings` in Prometheus's text format.
    ///
    /// # Errors
    /// If a metric cannot be written.
    pub fn exposition(&self, mut readings: Vec<Reading>) -> Result<String, fmt::Error> {
        readings.extend(self.readings());
        exposition::write(&self.0.registry, readings)
    }

    pub(crate) fn connections(&self) -> &Level {
        &self.0.connections
    }

    /// Counters of reached limits.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn event_streams(&self) -> &Level {
        &self.0.event_streams
    }
}

impl Readings for Metrics {
    fn readings(&self) -> Vec<Reading> {
        let mut readings = vec![
            Reading::level("colloquy_build_info", "Always 1", 1)
                .with("version", env!("CARGO_PKG_VERSION")),
            Reading::level(
                "colloquy_http_connections",
                "Open client connections",
                self.0.connections.get(),
            ),
            Reading::level(
                "colloquy_http_requests_in_progress",
                "Requests whose response has not begun",
                self.0.requests.in_progress(),
            ),
            Reading::level(
                "colloquy_event_streams",
                "Clients streaming run events",
                self.0.event_streams.get(),
            ),
        ];
        readings.extend(self.0.limits.readings());
        readings
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(..)")
    }
}
