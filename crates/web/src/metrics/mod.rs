//! The service's figures, in Prometheus's text format, for a listener of their own.
//!
//! What happens is counted when it happens ([`Metrics`] is the `Observer` of the use cases, `count`
//! counts requests), what stands is read when somebody asks ([`Readings`]). No label has a value
//! that users write: routes are templates, models are known by their provider only.

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

/// Everything that is counted. Clones count the same.
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
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that was counted and `readings`, in the text format of Prometheus.
    ///
    /// # Errors
    /// When a figure cannot be written.
    pub fn exposition(&self, mut readings: Vec<Reading>) -> Result<String, fmt::Error> {
        readings.extend(self.readings());
        exposition::write(&self.0.registry, readings)
    }

    /// Counts the connections of clients.
    pub(crate) fn connections(&self) -> &Level {
        &self.0.connections
    }

    /// Counts what is refused or cut for the sake of a limit.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Counts those who are told the events of a run.
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
                "Open connections of clients",
                self.0.connections.get(),
            ),
            Reading::level(
                "colloquy_http_requests_in_progress",
                "Requests whose answer has not begun",
                self.0.requests.in_progress(),
            ),
            Reading::level(
                "colloquy_event_streams",
                "Clients that are being told the events of a run",
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
