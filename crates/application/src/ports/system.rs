use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The time now, in whole microseconds: what every store keeps exactly.
    fn now(&self) -> DateTime<Utc>;
}

/// Makes the ids of new records.
pub trait IdGenerator: Send + Sync {
    /// A UUID that was never returned before; those of one generator ascend.
    fn next_id(&self) -> Uuid;
}

/// Makes what nobody may guess.
pub trait SecretGenerator: Send + Sync {
    /// 32 bytes from a cryptographic source.
    ///
    /// # Errors
    /// The source's failure; the caller must not go on without.
    fn secret(&self) -> Result<[u8; 32], super::BoxError>;
}
