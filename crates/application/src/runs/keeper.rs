//! Renews leases, stores events and ends abandoned runs.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, Utc};
use colloquy_domain::{RunEnding, RunErrorCode, RunId, RunStatus};
use tokio::sync::MutexGuard;

use super::active::ActiveRun;
use super::engine::{LEASE, RunEngine};
use super::forced_end::force_end;
use super::outcome::summary;
use crate::ports::{AbandonedRuns, ActiveRun as StoredRun, PortError, RunEvents, RunSummary};

/// Interval between lease renewals and searches for abandoned runs. A run cancelled elsewhere stops
/// within this time.
const LEASE_ROUND: Duration = Duration::from_secs(1);
/// Interval between writes of all runs' events, in one transaction.
const LOG_ROUND: Duration = Duration::from_millis(100);

/// Approximate bytes stored per run and round. A backlog after an outage takes several rounds.
const STORED_BYTES: usize = 64 * 1024;

impl RunEngine {
    /// Ends runs left by an earlier process of this instance, and others' whose leases expired.
    /// Call before the first run.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn recover(&self) -> Result<(), PortError> {
        let held = AbandonedRuns::HeldBy(self.inner.instance);
        let overdue = AbandonedRuns::OverdueAt(self.now());
        for abandoned in [held, overdue] {
            match self.end_abandoned(abandoned).await {
                Err(error @ PortError::Unavailable(_)) => return Err(error),
                // A corrupt run must not prevent startup.
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "abandoned runs not ended");
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// While polled, renews leases, stores events and ends abandoned runs of other instances.
    pub async fn keep(&self) {
        tokio::join!(self.keep_leases(), self.keep_logs());
    }

    async fn keep_leases(&self) {
        let mut rounds = rounds(LEASE_ROUND);
        loop {
            rounds.tick().await;
            if let Err(error) = self.lease_round().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "leases not renewed"
                );
            }
            if let Err(error) = self.end_revoked().await {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "access of running users not checked");
            }
        }
    }

    async fn keep_logs(&self) {
        let mut rounds = rounds(LOG_ROUND);
        loop {
            rounds.tick().await;
            if let Err(error) = self.store_events().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "run events not stored; retrying"
                );
            }
        }
    }

    async fn lease_round(&self) -> Result<(), PortError> {
        // Renewal first: after an outage this instance's own leases may look abandoned.
        self.renew().await?;
        self.end_abandoned(AbandonedRuns::OverdueAt(self.now()))
            .await
    }

    /// Renews leases and stops runs whose lease was lost.
    async fn renew(&self) -> Result<(), PortError> {
        let active = self.inner.active.all();
        if active.is_empty() {
            return Ok(());
        }
        let ids: Vec<RunId> = active.iter().map(|run| run.id).collect();
        let runs = &self.inner.ports.runs;
        let expires_at = self.now() + LEASE;
        let held = runs.renew(self.inner.instance, &ids, expires_at).await?;
        let held: HashSet<RunId> = held.into_iter().collect();
        for lost in active.iter().filter(|run| !held.contains(&run.id)) {
            tracing::info!(run.id = %lost.id, "run taken over by another instance");
            lost.stop(RunErrorCode::Interrupted);
        }
        Ok(())
    }

    async fn store_events(&self) -> Result<(), PortError> {
        let active = self.inner.active.all();
        let new = active.iter().filter_map(|run| Append::begin(run));
        let (appends, events): (Vec<_>, Vec<_>) = new.unzip();
        if events.is_empty() {
            return Ok(());
        }
        let store = &self.inner.ports.events;
        store.append(self.inner.instance, &events).await?;
        appends.into_iter().for_each(Append::done);
        Ok(())
    }

    async fn end_abandoned(&self, abandoned: AbandonedRuns) -> Result<(), PortError> {
        let mut failure = None;
        for run in self.inner.ports.runs.abandoned(abandoned).await? {
            match self.end_if_abandoned(run, abandoned).await {
                Ok(()) => {}
                Err(error @ PortError::Unavailable(_)) => return Err(error),
                // One failure must not keep other threads busy.
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Skips a run that was renewed, ended or deleted meanwhile.
    async fn end_if_abandoned(
        &self,
        run: RunId,
        abandoned: AbandonedRuns,
    ) -> Result<(), PortError> {
        let ports = &self.inner.ports;
        let now = self.now();
        let ending = |run: &StoredRun| {
            abandoned.contains(run).then(|| match run.lease {
                Some(_) => RunEnding::interrupted(now),
                None => RunEnding::expired(now),
            })
        };
        let stores = (&*ports.runs, &*ports.events);
        if let Some(ended) = force_end(stores, run, ending).await? {
            match ended.status {
                RunStatus::Expired => tracing::info!(run.id = %run, "paused run expired"),
                _ => tracing::warn!(run.id = %run, "abandoned run ended"),
            }
            // Its duration is unknown.
            ports.observer.run_ended(RunSummary {
                duration: None,
                ..summary(&ended)
            });
        }
        Ok(())
    }

    fn now(&self) -> DateTime<Utc> {
        self.inner.ports.clock.now()
    }
}

/// A run whose events are being stored, exclusively.
struct Append<'a> {
    run: &'a ActiveRun,
    last: u64,
    _in_order: MutexGuard<'a, ()>,
}

impl<'a> Append<'a> {
    /// Begins to store a run's new events. Skips a run whose end is being stored, which includes
    /// them.
    fn begin(run: &'a ActiveRun) -> Option<(Self, RunEvents)> {
        let in_order = run.writing.try_lock().ok()?;
        let events = run.log.next_unstored(STORED_BYTES);
        let last = events.last()?.number;
        run.log.mark_sent(last);
        let append = Self {
            run,
            last,
            _in_order: in_order,
        };
        let run_id = run.id;
        Some((append, RunEvents { run_id, events }))
    }

    fn done(self) {
        self.run.log.mark_stored(self.last);
    }
}

fn rounds(length: Duration) -> tokio::time::Interval {
    let mut rounds = tokio::time::interval(length);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    rounds
}
