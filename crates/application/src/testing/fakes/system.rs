//! Deterministic clock, IDs and secrets.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{Builder, Uuid};

use crate::ports::{BoxError, Clock, IdGenerator, SecretGenerator};

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    microseconds: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `now`, cut to whole microseconds.
    #[must_use]
    pub const fn at(now: DateTime<Utc>) -> Self {
        Self {
            microseconds: AtomicI64::new(now.timestamp_micros()),
        }
    }

    /// Sets the clock, also back.
    pub fn set(&self, now: DateTime<Utc>) {
        self.microseconds
            .store(now.timestamp_micros(), Ordering::SeqCst);
    }

    /// Moves the clock on, or back by a negative step.
    pub fn advance(&self, step: TimeDelta) {
        self.set(self.now() + step);
    }
}

impl Default for ManualClock {
    /// The first moment of 2026.
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

/// Ids of the form of UUIDs of version 7, one a millisecond, the same in every test run.
#[derive(Debug)]
pub struct SequentialIds {
    milliseconds: AtomicU64,
}

impl SequentialIds {
    /// Ids whose time part begins at `first`; generators that begin far apart never meet.
    #[must_use]
    pub fn beginning_at(first: DateTime<Utc>) -> Self {
        let first = u64::try_from(first.timestamp_millis()).unwrap_or(0);
        Self {
            milliseconds: AtomicU64::new(first),
        }
    }
}

impl Default for SequentialIds {
    /// Begins with the first moment of 2026.
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

/// "Secrets" that count up: the first is all zeros but for a last byte of 1.
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
