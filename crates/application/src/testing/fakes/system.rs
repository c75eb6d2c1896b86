//! Deterministic clock, IDs and secrets.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{Builder, Uuid};

use crate::ports::{BoxError, Clock, IdGenerator, SecretGenerator};

/// A clock that only moves when told to.
#[derive(Debug)]
pub struct ManualClock {
    microseconds: AtomicI64,
}

impl ManualClock {
    /// A clock at `now`, truncated to whole microseconds.
    #[must_use]
    pub const fn at(now: DateTime<Utc>) -> Self {
        Self {
            microseconds: AtomicI64::new(now.timestamp_micros()),
        }
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, now: DateTime<Utc>) {
        self.microseconds
            .store(now.timestamp_micros(), Ordering::SeqCst);
    }

    /// Moves the clock; backwards by a negative step.
    pub fn advance(&self, step: TimeDelta) {
        self.set(self.now() + step);
    }
}

impl Default for ManualClock {
    /// The start of 2026.
    fn default() -> Self {
        Self::at(crate::testing::samples::moment(0))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        let now = self.microseconds.load(Ordering::SeqCst);
        DateTime::from_timestamp_micros(now).unwrap_or_default()
    }
}

/// IDs in the form of `UUIDv7`, one per millisecond, the same in every test run.
#[derive(Debug)]
pub struct SequentialIds {
    milliseconds: AtomicU64,
}

impl SequentialIds {
    /// IDs from the time `first`. Generators that begin far apart never collide.
    #[must_use]
    pub fn beginning_at(first: DateTime<Utc>) -> Self {
        let first = u64::try_from(first.timestamp_millis()).unwrap_or(0);
        Self {
            milliseconds: AtomicU64::new(first),
        }
    }
}

impl Default for SequentialIds {
    /// From the start of 2026.
    fn default() -> Self {
        Self::beginning_at(crate::testing::samples::moment(0))
    }
}

impl IdGenerator for SequentialIds {
    fn next_id(&self) -> Uuid {
        let milliseconds = self.milliseconds.fetch_add(1, Ordering::SeqCst);
        Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
    }
}

/// "Secrets" that count up from 1, big-endian.
#[derive(Debug, Default)]
pub struct CountingSecrets {
    given_out: AtomicU64,
}

impl SecretGenerator for CountingSecrets {
    fn secret(&self) -> Result<[u8; 32], BoxError> {
        let number = self.given_out.fetch_add(1, Ordering::SeqCst) + 1;
        let mut secret = [0; 32];
        secret[24..].copy_from_slice(&number.to_be_bytes());
        Ok(secret)
    }
}
