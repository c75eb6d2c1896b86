//! Stores a run and spawns its task, which also executes resumed runs.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{
    Assistant, Message, MessageId, MessageStatus, OutputFormat, Run, RunEnding, RunEvent,
    RunEventKind, RunId, RunStatus,
};
use futures_util::FutureExt as _;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout};
use tracing::{Instrument as _, Span};

use super::active::ActiveRun;
use super::engine::{Begun, Inner, LEASE, RunJob};
use super::forced_end::force_end;
use super::log::RunLog;
use super::outcome::{Outcome, StartedRun, summary};
use super::part::Part;
use crate::Error;
use crate::ports::{
    ActiveRun as StoredRun, Committed, Expected, Lease, NewMessage, PortError, RunCommit,
};
use crate::spans;

/// First delay before ending a run whose start was not confirmed; doubled up to a second, the
/// maximum time that its thread stays busy once the store is back.
const DISOWN_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_DISOWN_BACKOFF: Duration = Duration::from_secs(1);
/// Maximum wait before storing a start. With the store's own limit, a start is answered within five
/// seconds.
pub(super) const START_TIME: Duration = Duration::from_millis(800);

impl Inner {
    /// The run's task.
    pub(super) async fn begin(
        self: Arc<Self>,
        job: RunJob,
        _slot: OwnedSemaphorePermit,
        started: Begun,
        invocation: Span,
    ) {
        let id = RunId::from_uuid(self.ports.ids.next_id());
        let (run, messages) = match self.save(id, &job).await {
            Ok(Saved::New(run, messages)) => (run, messages),
            Ok(Saved::Known(run)) => {
                spans::is_run(&invocation, &run);
                let _ = started.send(Ok(self.started(run, None)));
                return;
            }
            Err(error) => {
                spans::failed(&invocation, "not_started");
                let is_unknown = matches!(error, Error::Port(PortError::Unavailable(_)));
                let _ = started.send(Err(error));
                if is_unknown {
                    self.disown(id).await;
                }
                return;
            }
        };
        let log = RunLog::started(RunEventKind::Started {
            run: Box::new(run.clone()),
            earlier: job.earlier.map(Box::new),
            messages: messages.clone(),
        });
        let part = Part {
            actor: job.actor,
            assistant: job.assistant,
            settings: job.settings,
            before: messages
                .first()
                .map_or(u64::MAX, |message| message.position),
            came: messages,
            is_first: true,
            bypasses_cache: job.bypasses_cache,
        };
        self.carry_out(run, part, log, started, invocation).await;
    }

    /// Executes a part of a run that is stored as in progress here.
    pub(super) async fn carry_out(
        self: Arc<Self>,
        run: Run,
        part: Part,
        log: RunLog,
        started: Begun,
        invocation: Span,
    ) {
        spans::is_run(&invocation, &run);
        let id = run.id;
        let (actor, assistant) = (part.actor.clone(), part.assistant.id);
        let active = Arc::new(ActiveRun::new(id, actor, assistant, log));
        self.active.insert(Arc::clone(&active));
        let (ended, end) = oneshot::channel();
        // The caller may be gone.
        let outcome = Outcome {
            end,
            store_is_away: active.store_is_away.clone(),
        };
        let begun = StartedRun {
            after: active.log.begin(),
            ..self.started(run.clone(), Some(outcome))
        };
        let _ = started.send(Ok(begun));
        let span = span(&run, &part.assistant);
        let work = self.execute(&active, run, part);
        // Even a panic at the very end must free the thread and notify readers.
        let work = AssertUnwindSafe(work.instrument(span)).catch_unwind();
        let Ok(outcome) = work.await else {
            spans::failed(&invocation, "panicked");
            self.let_go(&active);
            drop(ended);
            self.disown(id).await;
            return;
        };
        match &outcome {
            Ok(outcome) => spans::ended(&invocation, &outcome.run),
            Err(_) => spans::failed(&invocation, "not_stored"),
        }
        let _ = ended.send(outcome);
    }

    fn started(&self, run: Run, outcome: Option<Outcome>) -> StartedRun {
        StartedRun {
            run,
            is_replay: outcome.is_none(),
            after: 0,
            reader: self.reader.clone(),
            outcome,
        }
    }

    /// Stops working on the run; its followers read the store from now on.
    pub(super) fn let_go(&self, active: &ActiveRun) {
        self.active.remove(active.id);
        active.log.close();
    }

    async fn save(&self, id: RunId, job: &RunJob) -> Result<Saved, Error> {
        let ports = &self.ports;
        let now = ports.clock.now();
        let run = Run {
            id,
            thread_id: job.thread_id,
            assistant_id: job.assistant.id,
            assistant_revision: Some(job.assistant.revision),
            settings: job.settings.clone(),
            user_id: job.actor.user_id(),
            output_format: match job.assistant.output_schema {
                Some(_) => OutputFormat::Json,
                None => OutputFormat::Text,
            },
            status: RunStatus::InProgress,
            finish_reason: None,
            error: None,
            usage: None,
            cache: None,
            expires_at: None,
            required_action: None,
            created_at: now,
            finished_at: None,
        };
        let messages = job.messages.iter().map(|message| NewMessage {
            id: MessageId::from_uuid(ports.ids.next_id()),
            kind: message.kind,
            content: message.content.as_str().to_owned(),
            reasoning: None,
            status: MessageStatus::Completed,
            tool_call: None,
            assistant_id: Some(job.assistant.id),
            created_at: now,
        });
        let messages: Vec<_> = messages.collect();
        let lease = Lease {
            holder: self.instance,
            expires_at: now + LEASE,
        };
        let commit = RunCommit {
            expected: Expected::New {
                idempotency: job.idempotency.clone(),
                max_per_user: self.limits.max_per_user,
            },
            lease: Some(lease),
            truncate_after: job.truncate_after,
            events: vec![started(&run, job.earlier.as_ref(), &messages)],
            messages,
            thread_name: job.thread_name.clone(),
            instructions: job.instructions.clone(),
            run,
        };
        let Ok(_turn) = timeout(START_TIME, self.starts.acquire()).await else {
            return Err(Error::Overloaded);
        };
        match ports.runs.commit(&commit).await? {
            Committed::Known(run) => Ok(Saved::Known(run)),
            Committed::Written(messages) => Ok(Saved::New(commit.run, messages)),
        }
    }
}

/// The first event of the run's log; the store knows where its messages stand.
fn started(run: &Run, earlier: Option<&Message>, messages: &[NewMessage]) -> RunEvent {
    let messages = messages.iter().cloned();
    let messages = messages.map(|message| message.placed(run.thread_id, run.id, 0));
    RunEvent {
        number: 1,
        kind: RunEventKind::Started {
            run: Box::new(run.clone()),
            earlier: earlier.cloned().map(Box::new),
            messages: messages.collect(),
        },
    }
}

enum Saved {
    New(Run, Vec<Message>),
    /// The request was made before.
    Known(Run),
}

impl Inner {
    /// Ends a run that may or may not be stored as this instance's and that nobody executes, since
    /// the store did not respond. Otherwise its thread would be busy until the lease expires.
    /// Leaves a run that paused or was resumed meanwhile.
    pub(super) async fn disown(&self, run: RunId) {
        let mut wait = DISOWN_BACKOFF;
        let given_up = Instant::now() + LEASE;
        while Instant::now() < given_up {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => wait = LONGEST_DISOWN_BACKOFF.min(2 * wait),
            }
            let now = self.ports.clock.now();
            let stores = (&*self.ports.runs, &*self.ports.events);
            let ending = |stored: &StoredRun| {
                let lease = stored.lease.filter(|lease| lease.holder == self.instance);
                let is_lost = lease.is_some() && self.active.get(run).is_none();
                is_lost.then(|| RunEnding::interrupted(now))
            };
            match force_end(stores, run, ending).await {
                Ok(Some(ended)) => {
                    tracing::warn!(run.id = %run, "orphaned run ended as interrupted");
                    self.ports.observer.run_ended(summary(&ended));
                    return;
                }
                // A missing run may still be in flight.
                Ok(None) if matches!(self.ports.runs.find(run).await, Ok(Some(_))) => return,
                Ok(None) | Err(_) => {}
            }
        }
    }
}

fn span(run: &Run, assistant: &Assistant) -> Span {
    tracing::info_span!(
        "run",
        run.id = %run.id,
        thread.id = %run.thread_id,
        assistant.slug = assistant.slug.as_str(),
        assistant.tags = ?assistant.configuration.tags.as_deref().unwrap_or_default(),
        model = assistant.model.as_str(),
    )
}
