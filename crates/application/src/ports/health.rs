//! Port: health checks.

use async_trait::async_trait;

use super::PortError;

/// Checks something that the service depends on.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// What is checked: `database`, `blobs`.
    fn name(&self) -> &'static str;

    /// Checks it, in one round trip.
    ///
    /// # Errors
    /// `Unavailable`.
    async fn check(&self) -> Result<(), PortError>;
}
