//! Port: sampled metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Provides gauges and counters, sampled when metrics are scraped.
pub trait Readings: Send + Sync {
    /// The current readings. Cheap: reads memory only.
    fn readings(&self) -> Vec<Reading>;
}

/// A sampled metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Full Prometheus name, but counters without `_total`. The same name always has the same help
    /// and kind.
    pub name: &'static str,
    /// Help text, without a full stop.
    pub help: &'static str,
    /// Gauge or counter.
    pub kind: ReadingKind,
    /// Labels, from a fixed set of values: never user input.
    pub labels: Vec<(&'static str, &'static str)>,
    /// The value, in the unit that the name ends with.
    pub value: u64,
}

/// Kinds of sampled metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingKind {
    /// A gauge.
    Level,
    /// A counter, from 0 at process start.
    Count,
}

impl Reading {
    /// A gauge.
    #[must_use]
    pub fn level(name: &'static str, help: &'static str, value: impl TryInto<u64>) -> Self {
        Self::new(name, help, ReadingKind::Level, value)
    }

    /// A counter.
    #[must_use]
    pub fn count(name: &'static str, help: &'static str, value: impl TryInto<u64>) -> Self {
        Self::new(name, help, ReadingKind::Count, value)
    }

    /// Adds a label.
    #[must_use]
    pub fn with(mut self, label: &'static str, value: &'static str) -> Self {
        self.labels.push((label, value));
        self
    }

    fn new(
        name: &'static str,
        help: &'static str,
        kind: ReadingKind,
        value: impl TryInto<u64>,
    ) -> Self {
        Self {
            name,
            help,
            kind,
            labels: Vec::new(),
            value: value.try_into().unwrap_or(u64::MAX),
        }
    }
}

/// Counts current occupants, such as queued requests or open connections. Clones share the count.
#[derive(Debug, Clone, Default)]
pub struct Level(Arc<AtomicUsize>);

/// Counts as one until dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the count"]
pub struct Counted(Level);

impl Level {
    /// Increments until the result is dropped.
    pub fn enter(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// The current count.
    #[must_use]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
