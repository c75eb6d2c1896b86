use async_trait::async_trait;

use super::PortError;

/// Tells whether something that the service cannot do without answers.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// What is checked, for people: `database`, `blobs`.
    fn name(&self) -> &'static str;

    /// Asks for a sign of life, at the cost of one round trip.
    ///
    /// # Errors
    /// `Unavailable` when there is none.
    async fn check(&self) -> Result<(), PortError>;
}
