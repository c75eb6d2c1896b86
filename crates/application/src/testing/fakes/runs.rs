use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{Message, Run, RunError, RunId, RunStatus, ThreadId};

use super::memory::{Memory, Records, StoredRun};
use crate::ports::{
    AbandonedRuns, Constraint, FinishedRun, InstanceId, Lease, NewMessage, PortError, RunEnd,
    RunRepository, RunStart,
};

#[async_trait]
impl RunRepository for Memory {
    async fn start(&self, start: &RunStart) -> Result<Message, PortError> {
        self.with(|records| {
            let thread = start.run.thread_id;
            let mut runs = records.runs.values();
            if runs.any(|it| it.run.thread_id == thread && it.is_in_progress()) {
                return Err(PortError::Conflict(Constraint::ActiveRunPerThread));
            }
            let message = records.append(thread, start.run.id, start.message.clone())?;
            let stored = StoredRun {
                run: start.run.clone(),
                lease: start.lease,
            };
            records.runs.insert(start.run.id, stored);
            Ok(message)
        })
    }

    async fn renew(
        &self,
        holder: InstanceId,
        runs: &[RunId],
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError> {
        self.with(|records| {
            let mut renewed = Vec::new();
            for stored in records.runs.values_mut() {
                let is_held = stored.is_in_progress() && stored.lease.holder == holder;
                if is_held && runs.contains(&stored.run.id) {
                    stored.lease.expires_at = expires_at;
                    renewed.push(stored.run.id);
                }
            }
            Ok(renewed)
        })
    }

    async fn finish(&self, end: &RunEnd) -> Result<FinishedRun, PortError> {
        self.with(|records| {
            let stored = records.runs.get_mut(&end.run_id);
            let stored = stored.ok_or(PortError::NotFound)?;
            if !stored.is_in_progress() || stored.lease.holder != end.holder {
                return Err(PortError::Conflict(Constraint::RunLease));
            }
            let run = ended(&stored.run, end);
            stored.run = run.clone();
            let placed = end.messages.iter().cloned();
            let messages = placed
                .map(|message| records.append(run.thread_id, run.id, message))
                .collect::<Result<_, _>>()?;
            Ok(FinishedRun { run, messages })
        })
    }

    async fn interrupt(
        &self,
        abandoned: AbandonedRuns,
        error: &RunError,
        finished_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError> {
        self.with(|records| {
            let mut ended = Vec::new();
            for stored in records.runs.values_mut() {
                if stored.is_in_progress() && is_abandoned(&stored.lease, abandoned) {
                    stored.run.status = RunStatus::Failed;
                    stored.run.error = Some(error.clone());
                    stored.run.finished_at = Some(finished_at);
                    ended.push(stored.run.id);
                }
            }
            Ok(ended)
        })
    }

    async fn get(&self, thread: ThreadId, id: RunId) -> Result<Option<Run>, PortError> {
        self.with(|records| {
            let run = records.runs.get(&id).map(|stored| &stored.run);
            Ok(run.filter(|run| run.thread_id == thread).cloned())
        })
    }

    async fn list(
        &self,
        thread: ThreadId,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<Run>, PortError> {
        self.with(|records| {
            let newest_first = records.runs.values().rev().map(|stored| &stored.run);
            let of_thread = newest_first.filter(|run| run.thread_id == thread);
            let rest = of_thread.filter(|run| after.is_none_or(|after| run.id < after));
            Ok(rest.take(limit as usize).cloned().collect())
        })
    }
}

impl Records {
    fn append(
        &mut self,
        thread: ThreadId,
        run: RunId,
        message: NewMessage,
    ) -> Result<Message, PortError> {
        let stored = self.threads.get_mut(&thread).ok_or(PortError::NotFound)?;
        stored.last_position += 1;
        let message = message.placed(thread, run, stored.last_position);
        let key = (thread, message.position);
        self.messages.insert(key, message.clone());
        Ok(message)
    }
}

fn ended(run: &Run, end: &RunEnd) -> Run {
    Run {
        status: end.status,
        finish_reason: end.finish_reason,
        error: end.error.clone(),
        usage: end.usage,
        finished_at: Some(end.finished_at),
        ..run.clone()
    }
}

fn is_abandoned(lease: &Lease, abandoned: AbandonedRuns) -> bool {
    match abandoned {
        AbandonedRuns::ExpiredBefore(moment) => lease.expires_at < moment,
        AbandonedRuns::HeldBy(instance) => lease.holder == instance,
    }
}
