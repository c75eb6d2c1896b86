//! Metrics that are sampled rather than counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Has figures that are looked at now and then, for whoever watches the service: how much of
/// something is in use, how often something has happened.
pub trait Readings: Send + Sync {
    /// The figures at this moment, at the cost of looking at what is in memory.
    fn readings(&self) -> Vec<Reading>;
}

/// A figure at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The metric's whole name as Prometheus has them, but that a count ends without `_total`.
    /// Whoever gives a name gives it the same help and kind each time.
    pub name: &'static str,
    /// What it says, in half a sentence without a full stop.
    pub help: &'static str,
    /// How it moves.
    pub kind: ReadingKind,
    /// What tells it from others of its name. Never what users write: the number of different
    /// values is known beforehand.
    pub labels: Vec<(&'static str, &'static str)>,
    /// The figure, in the unit that the name ends with.
    pub value: u64,
}

/// How a figure moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadingKind {
    /// Up and down.
    Level,
    /// Up, from 0 when the process begins.
    Count,
}

impl Reading {
    /// A figure that goes up and down.
    #[must_use]
    pub fn level(name: &'static str, help: &'static str, value: impl TryInto<u64>) -> Self {
        Self::new(name, help, ReadingKind::Level, value)
    }

    /// A figure that only goes up.
    #[must_use]
    pub fn count(name: &'static str, help: &'static str, value: impl TryInto<u64>) -> Self {
        Self::new(name, help, ReadingKind::Count, value)
    }

    /// The same under that label.
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

/// Counts those who are somewhere at this moment: in a queue, on a connection. Clones count the
/// same.
#[derive(Debug, Clone, Default)]
pub struct Level(Arc<AtomicUsize>);

/// Somebody who is counted, until dropped.
#[derive(Debug)]
#[must_use = "who is not held is not counted"]
pub struct Counted(Level);

impl Level {
    /// One more, until what this gives is dropped.
    pub fn enter(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }

    /// How many there are.
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
