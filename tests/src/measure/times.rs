//! Durations, and timestamps as text.

use std::fmt;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Durations, displayed as percentiles.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<Duration>);

impl From<Vec<Duration>> for Times {
    fn from(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }
}

impl Times {
    /// The percentile at `share` (0 to 1).
    ///
    /// # Panics
    /// If empty.
    #[must_use]
    pub fn at(&self, share: f64) -> Duration {
        self.0[((self.0.len() - 1) as f64 * share) as usize]
    }

    /// Number of durations.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = |share| self.at(share).as_secs_f64() * 1_000.0;
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(milliseconds);
        write!(f, "p50 {p50:8.2} ms  p99 {p99:8.2} ms  max {max:8.2} ms")
    }
}

/// Origin of timestamps.
static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The current time, for a model to stream.
#[must_use]
pub fn now() -> String {
    format!("{} ", ORIGIN.elapsed().as_micros())
}

/// Time since [`now`].
///
/// # Panics
/// If the text is no such timestamp.
#[must_use]
pub fn since(said: &str) -> Duration {
    let said = said.trim().parse().expect("a moment");
    ORIGIN.elapsed().saturating_sub(Duration::from_micros(said))
}
