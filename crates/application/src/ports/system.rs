//! Ports: time, IDs and randomness.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A clock.
pub trait Clock: Send + Sync {
    /// The time in whole microseconds, which every store keeps exactly.
    fn now(&self) -> DateTime<Utc>;
}

/// Generates IDs.
pub trait IdGenerator: Send + Sync {
    /// A new UUID, greater than all before from this generator.
    fn next_id(&self) -> Uuid;
}

/// Generates secrets.
pub trait SecretGenerator: Send + Sync {
    /// 32 bytes from a cryptographic source.
    ///
    /// # Errors
    /// The source failed; the caller must not continue.
    fn secret(&self) -> Result<[u8; 32], super::BoxError>;
}
