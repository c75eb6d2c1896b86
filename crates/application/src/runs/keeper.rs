use std::time::Duration;

use chrono::{DateTime, Utc};
use colloquy_domain::{RunError, RunErrorCode, RunId};

use super::engine::{LEASE, RunEngine};
use crate::ports::{AbandonedRuns, PortError};

/// How often leases are renewed and abandoned runs looked for: often enough that a renewal may
/// fail three times.
const ROUND: Duration = Duration::from_secs(5);

impl RunEngine {
    /// Ends what an earlier process of this instance left in progress, and what others left
    /// whose leases have run out. To be called before the first run.
    ///
    /// # Errors
    /// The store's own.
    pub async fn recover(&self) -> Result<(), PortError> {
        self.interrupt(AbandonedRuns::HeldBy(self.inner.instance))
            .await?;
        self.interrupt(AbandonedRuns::ExpiredBefore(self.now()))
            .await
    }

    /// Renews the leases of the runs under way and ends those that other instances abandoned,
    /// for as long as the future is polled.
    pub async fn keep(&self) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            if let Err(error) = self.round().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "leases not kept");
            }
        }
    }

    async fn round(&self) -> Result<(), PortError> {
        // Renewal first: after an outage our own leases may look abandoned too.
        self.renew().await?;
        self.interrupt(AbandonedRuns::ExpiredBefore(self.now()))
            .await
    }

    /// Renews, and stops working on what is not ours any more: nothing could be written for it.
    async fn renew(&self) -> Result<(), PortError> {
        let active: Vec<RunId> = self.inner.active().keys().copied().collect();
        if active.is_empty() {
            return Ok(());
        }
        let held = self
            .inner
            .ports
            .runs
            .renew(self.inner.instance, &active, self.now() + LEASE)
            .await?;
        let runs = self.inner.active();
        for lost in active.iter().filter(|run| !held.contains(run)) {
            if let Some(work) = runs.get(lost) {
                tracing::warn!(run.id = %lost, "run is not ours any more");
                work.cancel();
            }
        }
        Ok(())
    }

    async fn interrupt(&self, abandoned: AbandonedRuns) -> Result<(), PortError> {
        let error = RunError::from(RunErrorCode::Interrupted);
        let runs = &self.inner.ports.runs;
        for run in runs.interrupt(abandoned, &error, self.now()).await? {
            tracing::warn!(run.id = %run, "abandoned run ended as interrupted");
        }
        Ok(())
    }

    fn now(&self) -> DateTime<Utc> {
        self.inner.ports.clock.now()
    }
}
