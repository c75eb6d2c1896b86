use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{Message, Run, RunEvent, RunEventKind, RunId, ThreadId, ThreadName};

use super::memory::{Memory, Records, StoredRun};
use crate::ports::{
    AbandonedRuns, Constraint, FinishedRun, ForcedEnd, InstanceId, Lease, NewMessage, PortError,
    RunEnd, RunEventRepository, RunEvents, RunRepository, RunStart, SavedRun, SpokenMessages,
};

#[async_trait]
impl RunRepository for Memory {
    async fn start(&self, start: &RunStart) -> Result<SavedRun, PortError> {
        self.with(|records| {
            if let Some(known) = records.known(start)? {
                return Ok(SavedRun::Known(known));
            }
            let thread = start.run.thread_id;
            let mut runs = records.runs.values();
            if runs.any(|it| it.run.thread_id == thread && it.is_in_progress()) {
                return Err(PortError::Conflict(Constraint::ActiveRunPerThread));
            }
            if records.active_runs_of_user(&start.run) >= start.max_per_user as usize {
                return Err(PortError::Conflict(Constraint::ActiveRunsPerUser));
            }
            let message = records.append(thread, start.run.id, start.message.clone())?;
            records.name(thread, start.thread_name.as_ref())?;
            let stored = StoredRun {
                run: start.run.clone(),
                lease: start.lease,
                idempotency: start.idempotency.clone(),
                log: vec![started(&start.run, &message)],
            };
            records.runs.insert(start.run.id, stored);
            Ok(SavedRun::New(message))
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
                if stored.is_held_by(holder) && runs.contains(&stored.run.id) {
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
            if !stored.is_held_by(end.holder) {
                return Err(PortError::Conflict(Constraint::RunLease));
            }
            let last = stored.last_number();
            if end.log_end.is_some_and(|log_end| log_end != last) {
                return Err(PortError::other("the log does not end as its holder says"));
            }
            stored.add(&end.events);
            let (run, last) = (ended(&stored.run, end), stored.last_number());
            records.end(run, &end.messages, last)
        })
    }

    async fn force_end(&self, run: RunId, end: &ForcedEnd) -> Result<Run, PortError> {
        self.with(|records| records.force_end(run, end))
    }

    async fn interrupt(
        &self,
        abandoned: AbandonedRuns,
        end: &ForcedEnd,
    ) -> Result<Vec<RunId>, PortError> {
        self.with(|records| {
            let runs = records.runs.values();
            let runs = runs.filter(|it| it.is_in_progress() && is_abandoned(&it.lease, abandoned));
            let runs: Vec<_> = runs.map(|stored| stored.run.id).collect();
            for run in &runs {
                records.force_end(*run, end)?;
            }
            Ok(runs)
        })
    }

    async fn find(&self, id: RunId) -> Result<Option<Run>, PortError> {
        self.with(|records| Ok(records.runs.get(&id).map(|stored| stored.run.clone())))
    }

    async fn get(&self, thread: ThreadId, id: RunId) -> Result<Option<Run>, PortError> {
        let run = self.find(id).await?;
        Ok(run.filter(|run| run.thread_id == thread))
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

/// How many bytes of text a page of a log has at the most, unless its first event has more.
const PAGE_BYTES: usize = 1024 * 1024;

#[async_trait]
impl RunEventRepository for Memory {
    async fn append(&self, holder: InstanceId, events: &[RunEvents]) -> Result<(), PortError> {
        self.with(|records| {
            for added in events {
                let stored = records.runs.get_mut(&added.run_id);
                if let Some(stored) = stored.filter(|stored| stored.is_held_by(holder)) {
                    stored.add(&added.events);
                }
            }
            Ok(())
        })
    }

    async fn list(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunEvent>, PortError> {
        self.with(|records| {
            let log = records.runs.get(&run).map_or(&[][..], |stored| &stored.log);
            let rest = log.iter().filter(|event| event.number > after);
            let mut bytes = 0;
            let page = rest.take(limit.max(1) as usize).take_while(|event| {
                let is_first = bytes == 0;
                bytes += event.kind.text_bytes().max(1);
                is_first || bytes <= PAGE_BYTES
            });
            Ok(page.cloned().collect())
        })
    }
}

impl StoredRun {
    fn is_held_by(&self, holder: InstanceId) -> bool {
        self.is_in_progress() && self.lease.holder == holder
    }

    /// Adds those of the events to the log that it does not have.
    fn add(&mut self, events: &[RunEvent]) {
        let last = self.last_number();
        let new = events.iter().filter(|event| event.number > last);
        self.log.extend(new.cloned());
    }

    /// The first event goes when its message is deleted; it was there.
    fn last_number(&self) -> u64 {
        self.log.last().map_or(1, |event| event.number)
    }
}

impl Records {
    /// The run that the same request has started before.
    fn known(&self, start: &RunStart) -> Result<Option<Run>, PortError> {
        let (Some(user), Some(asked)) = (start.run.user_id, &start.idempotency) else {
            return Ok(None);
        };
        let known = self.runs.values().find(|stored| {
            let key = stored.idempotency.as_ref().map(|known| &known.key);
            stored.run.user_id == Some(user) && key == Some(&asked.key)
        });
        match known {
            Some(stored) if stored.idempotency.as_ref() != Some(asked) => {
                Err(PortError::Conflict(Constraint::IdempotencyKey))
            }
            known => Ok(known.map(|stored| stored.run.clone())),
        }
    }

    /// How many runs in progress the user of this one has.
    fn active_runs_of_user(&self, run: &Run) -> usize {
        let Some(user) = run.user_id else { return 0 };
        let runs = self.runs.values();
        let active = runs.filter(|it| it.run.user_id == Some(user) && it.is_in_progress());
        active.count()
    }

    fn force_end(&mut self, run: RunId, end: &ForcedEnd) -> Result<Run, PortError> {
        let stored = self.runs.get(&run).ok_or(PortError::NotFound)?;
        if !stored.is_in_progress() {
            return Ok(stored.run.clone());
        }
        let spoken = SpokenMessages::of(stored.log.iter().map(|event| &event.kind));
        let messages = spoken.into_messages(stored.run.assistant_id, end.finished_at);
        let last = ForcedEnd::behind(stored.last_number());
        let run = Run {
            status: end.status,
            error: Some(end.error.clone()),
            finished_at: Some(end.finished_at),
            ..stored.run.clone()
        };
        Ok(self.end(run, &messages, last)?.run)
    }

    /// Stores a run as ended, with its last messages and the closing events behind number `last`.
    fn end(
        &mut self,
        run: Run,
        messages: &[NewMessage],
        last: u64,
    ) -> Result<FinishedRun, PortError> {
        let placed = messages.iter().cloned();
        let messages = placed
            .map(|message| self.append(run.thread_id, run.id, message))
            .collect::<Result<_, _>>()?;
        let finished = FinishedRun { run, messages };
        let stored = self.runs.get_mut(&finished.run.id);
        let stored = stored.ok_or(PortError::NotFound)?;
        stored.log.extend(finished.closing_events(last));
        stored.run = finished.run.clone();
        Ok(finished)
    }

    fn name(&mut self, thread: ThreadId, name: Option<&ThreadName>) -> Result<(), PortError> {
        let stored = self.threads.get_mut(&thread).ok_or(PortError::NotFound)?;
        if let Some(name) = name.filter(|_| !stored.thread.is_named) {
            stored.thread.name = name.clone();
            stored.thread.is_named = true;
        }
        Ok(())
    }

    fn append(
        &mut self,
        thread: ThreadId,
        run: RunId,
        message: NewMessage,
    ) -> Result<Message, PortError> {
        let stored = self.threads.get_mut(&thread).ok_or(PortError::NotFound)?;
        stored.last_position += 1;
        let times = &mut stored.thread;
        times.last_message_at = times.last_message_at.max(message.created_at);
        times.updated_at = times.updated_at.max(message.created_at);
        let reasoning = message.reasoning.clone();
        let reasoning = reasoning.map(|reasoning| (message.id, reasoning));
        self.reasoning.extend(reasoning);
        let message = message.placed(thread, run, stored.last_position);
        let key = (thread, message.position);
        self.messages.insert(key, message.clone());
        Ok(message)
    }
}

fn started(run: &Run, message: &Message) -> RunEvent {
    RunEvent {
        number: 1,
        kind: RunEventKind::Started {
            run: Box::new(run.clone()),
            message: Box::new(message.clone()),
        },
    }
}

fn ended(run: &Run, end: &RunEnd) -> Run {
    Run {
        status: end.status,
        finish_reason: end.finish_reason,
        error: end.error.clone(),
        usage: end.usage,
        cache: end.cache,
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
