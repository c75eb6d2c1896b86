//! The system's clock, IDs and randomness: the only ambient sources.

use chrono::{DateTime, SubsecRound, Utc};
use uuid::Uuid;

use crate::ports::{BoxError, Clock, IdGenerator, SecretGenerator};

/// The system clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's real source")]
    fn now(&self) -> DateTime<Utc> {
        Utc::now().trunc_subsecs(6)
    }
}

/// `UUIDv7` IDs, ascending within the process.
#[derive(Debug, Clone, Copy, Default)]
pub struct UuidV7Generator;

impl IdGenerator for UuidV7Generator {
    #[expect(clippy::disallowed_methods, reason = "this is the port's real source")]
    fn next_id(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// The operating system's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsSecretGenerator;

impl SecretGenerator for OsSecretGenerator {
    fn secret(&self) -> Result<[u8; 32], BoxError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    }
}
