//! In-memory runs.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{
    Message, MessageId, NewMessage, Run, RunEvent, RunEventKind, RunId, RunStatus, ThreadId,
    ThreadName,
};

use super::memory::{Memory, Records, StoredRun};
use crate::ports::{
    AbandonedRuns, ActiveRun, Committed, Constraint, Expected, Idempotency, InstanceId,
    MAX_TRUNCATED, PortError, RunCommit, RunEventRepository, RunEvents, RunRepository,
};

#[async_trait]
impl RunRepository for Memory {
    async fn commit(&self, commit: &RunCommit) -> Result<Committed, PortError> {
        self.with(|records| {
            if let Some(known) = records.check(commit)? {
                return Ok(Committed::Known(known));
            }
            let run = &commit.run;
            if let Some(position) = commit.truncate_after {
                records.truncate(run.thread_id, position)?;
            }
            let messages = commit.messages.iter().cloned();
            let messages = messages
                .map(|message| records.append(run.thread_id, run.id, message))
                .collect::<Result<Vec<_>, _>>()?;
            records.name(run.thread_id, commit.thread_name.as_ref())?;
            let stored = records.runs.entry(run.id).or_insert_with(|| StoredRun {
                run: run.clone(),
                lease: None,
                instructions: commit.instructions.clone(),
                idempotency: match &commit.expected {
                    Expected::New { idempotency, .. } => idempotency.clone(),
                    _ => None,
                },
                log: Vec::new(),
            });
            stored.run = run.clone();
            stored.lease = commit.lease;
            let events = commit.events.iter();
            let events: Vec<_> = events.map(|event| as_stored(event, &messages)).collect();
            stored.add(&events);
            Ok(Committed::Written(messages))
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
                let lease = stored.lease.as_mut().filter(|it| it.holder == holder);
                if let Some(lease) = lease.filter(|_| runs.contains(&stored.run.id)) {
                    lease.expires_at = expires_at;
                    renewed.push(stored.run.id);
                }
            }
            Ok(renewed)
        })
    }

    async fn abandoned(&self, abandoned: AbandonedRuns) -> Result<Vec<RunId>, PortError> {
        self.with(|records| {
            let active = records.runs.values().filter_map(StoredRun::active);
            let abandoned = active.filter(|it| abandoned.contains(it));
            Ok(abandoned.map(|it| it.run.id).collect())
        })
    }

    async fn active(&self, id: RunId) -> Result<Option<ActiveRun>, PortError> {
        self.with(|records| Ok(records.runs.get(&id).and_then(StoredRun::active)))
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
            let listed = rest.take(limit as usize).map(|run| Run {
                settings: None,
                ..run.clone()
            });
            Ok(listed.collect())
        })
    }
}

/// Maximum bytes of text in a page of a log, unless its first event is larger.
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
        self.lease.is_some_and(|lease| lease.holder == holder)
    }

    fn active(&self) -> Option<ActiveRun> {
        let active = ActiveRun {
            run: self.run.clone(),
            lease: self.lease,
            instructions: self.instructions.clone(),
        };
        self.run.status.is_active().then_some(active)
    }

    /// Appends the events that the log lacks.
    fn add(&mut self, events: &[RunEvent]) {
        let last = self.log.last().map_or(0, |event| event.number);
        let new = events.iter().filter(|event| event.number > last);
        self.log.extend(new.cloned());
    }

    /// Deleting its message removes the first event, but its number stays used.
    fn last_number(&self) -> u64 {
        self.log.last().map_or(1, |event| event.number)
    }
}

impl Records {
    /// Checks the commit's expectation. Returns the run already started by the same request.
    fn check(&self, commit: &RunCommit) -> Result<Option<Run>, PortError> {
        let id = commit.run.id;
        match &commit.expected {
            Expected::New {
                idempotency,
                max_per_user,
            } => {
                let known = self.known(&commit.run, idempotency.as_ref())?;
                if known.is_none() {
                    self.check_new(&commit.run, *max_per_user as usize)?;
                }
                Ok(known)
            }
            Expected::HeldBy { holder, log_end } => {
                let stored = self.runs.get(&id).ok_or(PortError::NotFound)?;
                let last = stored.last_number();
                if !stored.is_held_by(*holder) {
                    return Err(PortError::Conflict(Constraint::RunLease));
                }
                match log_end.is_some_and(|log_end| log_end != last) {
                    true => Err(PortError::other("the log does not end as its holder says")),
                    false => Ok(None),
                }
            }
            Expected::Paused {
                log_end,
                max_per_user,
            } => {
                let stored = self.runs.get(&id).ok_or(PortError::NotFound)?;
                let is_paused = stored.run.status == RunStatus::RequiresAction;
                if !is_paused || stored.last_number() != *log_end {
                    return Err(PortError::Conflict(Constraint::RunLease));
                }
                match self.active_runs_of_user(&stored.run) < *max_per_user as usize {
                    true => Ok(None),
                    false => Err(PortError::Conflict(Constraint::ActiveRunsPerUser)),
                }
            }
            Expected::AsRead { lease, log_end } => {
                let stored = self.runs.get(&id).ok_or(PortError::NotFound)?;
                let is_same = stored.lease == *lease && stored.last_number() == *log_end;
                match stored.run.status.is_active() && is_same {
                    true => Ok(None),
                    false => Err(PortError::Conflict(Constraint::RunLease)),
                }
            }
        }
    }

    fn check_new(&self, run: &Run, max_per_user: usize) -> Result<(), PortError> {
        if !self.threads.contains_key(&run.thread_id) {
            return Err(PortError::NotFound);
        }
        let mut runs = self.runs.values();
        if runs.any(|it| it.run.thread_id == run.thread_id && it.run.status.is_active()) {
            return Err(PortError::Conflict(Constraint::ActiveRunPerThread));
        }
        if self.active_runs_of_user(run) >= max_per_user {
            return Err(PortError::Conflict(Constraint::ActiveRunsPerUser));
        }
        Ok(())
    }

    /// The run already started by the same request.
    fn known(&self, run: &Run, request: Option<&Idempotency>) -> Result<Option<Run>, PortError> {
        let (Some(user), Some(request)) = (run.user_id, request) else {
            return Ok(None);
        };
        let known = self.runs.values().find(|stored| {
            let key = stored.idempotency.as_ref().map(|known| &known.key);
            stored.run.user_id == Some(user) && key == Some(&request.key)
        });
        match known {
            Some(stored) if stored.idempotency.as_ref() != Some(request) => {
                Err(PortError::Conflict(Constraint::IdempotencyKey))
            }
            known => Ok(known.map(|stored| stored.run.clone())),
        }
    }

    fn active_runs_of_user(&self, run: &Run) -> usize {
        let Some(user) = run.user_id else { return 0 };
        let runs = self.runs.values();
        let active = runs.filter(|it| it.run.user_id == Some(user) && it.is_in_progress());
        active.count()
    }

    /// Removes the thread's messages behind the position, and what the logs of their runs tell of
    /// them.
    fn truncate(&mut self, thread: ThreadId, position: u64) -> Result<(), PortError> {
        let behind = (thread, position.saturating_add(1))..=(thread, u64::MAX);
        let removed = self.messages.range(behind.clone());
        let removed: Vec<_> = removed.map(|(_, it)| (it.id, it.run_id)).collect();
        if removed.len() > MAX_TRUNCATED as usize {
            return Err(PortError::Conflict(Constraint::TruncatedMessages));
        }
        self.messages.retain(|key, _| !behind.contains(key));
        for (id, run) in removed {
            self.reasoning.remove(&id);
            if let Some(stored) = run.and_then(|run| self.runs.get_mut(&run)) {
                stored.log.retain(|event| match &event.kind {
                    RunEventKind::Ended { .. } => true,
                    kind @ RunEventKind::Started { .. } => {
                        kind.question().is_none_or(|question| question.id != id)
                    }
                    _ => false,
                });
                for event in &mut stored.log {
                    match &mut event.kind {
                        RunEventKind::Ended { output, .. } => {
                            output.take_if(|output| output.id == id);
                        }
                        RunEventKind::Started { messages, .. } => {
                            messages.retain(|message| message.id != id);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
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

/// The event with its message as stored in the thread.
fn as_stored(event: &RunEvent, messages: &[Message]) -> RunEvent {
    let mut event = event.clone();
    let placed = |id: MessageId| messages.iter().find(|it| it.id == id).cloned();
    if let RunEventKind::Started { messages, .. } = &mut event.kind {
        for message in messages {
            if let Some(placed) = placed(message.id) {
                *message = placed;
            }
        }
    }
    if let RunEventKind::MessageCompleted { message } = &mut event.kind
        && let Some(placed) = placed(message.id)
    {
        **message = placed;
    }
    if let RunEventKind::Ended {
        output: Some(output),
        ..
    } = &mut event.kind
        && let Some(placed) = placed(output.id)
    {
        **output = placed;
    }
    event
}
