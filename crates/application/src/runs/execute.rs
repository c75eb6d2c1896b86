//! Carrying one run out: from the saved question to the stored end.

use std::error::Error as StdError;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use colloquy_domain::{CachedRun, Message, MessageKind, Run, RunEnding, RunErrorCode, RunStatus};
use futures_util::FutureExt as _;
use tokio::time::{Instant, timeout_at};

use super::active::ActiveRun;
use super::agent_loop::{self, Talk};
use super::answer::Answer;
use super::budget::Budget;
use super::engine::{Inner, LEASE, RunJob};
use super::failure::Failure;
use super::history::{self, Window};
use super::meter::Meter;
use super::outcome::{self, RunOutcome, summary};
use crate::Error;
use crate::answers::{Fill, Lookup};
use crate::ports::{Committed, Constraint, Expected, LookupOutcome, PortError, RunCommit};
use crate::tools::ToolContext;

/// The wait before the end of a run is written again that the store could not take.
const STORE_BACKOFF: Duration = Duration::from_millis(250);
/// How long whoever waits for the end is kept waiting for a store that is away.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where an answer comes from.
enum Source {
    /// From the model; with those who wait for it, if anybody may be given it again.
    Model(Option<Box<Fill>>),
    /// It was given before.
    Cache(CachedRun),
}

impl Source {
    const fn cache(&self) -> Option<CachedRun> {
        match self {
            Self::Model(_) => None,
            Self::Cache(cache) => Some(*cache),
        }
    }
}

impl Inner {
    pub(super) async fn execute(
        self: &Arc<Self>,
        active: &ActiveRun,
        run: Run,
        question: Message,
        job: &RunJob,
    ) -> Result<RunOutcome, Error> {
        let meter = Arc::new(Meter::new(Arc::clone(&active.log)));
        let max_bytes = self.limits.max_answer_bytes;
        let mut answer = Answer::new(max_bytes, &active.log, &*self.ports.ids);
        // A panic in a model adapter must end this run, not leave it in progress for ever.
        let work = self.answer(&question, job, &meter, &mut answer);
        let work = AssertUnwindSafe(work).catch_unwind();
        let result: Result<Source, Failure> = tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(RunErrorCode::Interrupted.into()),
            reason = active.stopped() => Err(reason.into()),
            result = work => result.unwrap_or_else(|_panic| Err(RunErrorCode::Interrupted.into())),
        };
        // Whoever waits here keeps one copy of the answer, not two.
        let turn = self.ends.acquire().await;
        let ending = self.ending(&answer, result.as_ref());
        let retry_after = result
            .as_ref()
            .err()
            .and_then(|failure| failure.retry_after);
        let stored = self.store_end(active, &run, &ending).await;
        drop(turn);
        if let (Ok(Source::Model(Some(fill))), Ok(_)) = (result, &stored) {
            fill.store(answer.as_new()).await;
        }
        self.let_go(active);
        match stored {
            Ok((run, mut messages)) => {
                log_end(&run);
                self.ports.observer.run_ended(summary(&run));
                messages.insert(0, question);
                messages.retain(|message| message.kind != MessageKind::Tool);
                Ok(RunOutcome {
                    run,
                    messages,
                    retry_after,
                })
            }
            // Somebody else has ended it.
            Err(PortError::Conflict(Constraint::RunLease)) => {
                outcome::find(&self.reader, run).await
            }
            // Its thread was deleted.
            Err(PortError::NotFound) => Err(Error::NotFound),
            // Its answer is lost, but its thread must not stay busy.
            Err(error) => {
                let (inner, id) = (Arc::clone(self), run.id);
                self.tasks.spawn(async move { inner.disown(id).await });
                Err(error.into())
            }
        }
    }

    async fn answer(
        self: &Arc<Self>,
        question: &Message,
        job: &RunJob,
        meter: &Arc<Meter>,
        answer: &mut Answer<'_>,
    ) -> Result<Source, Failure> {
        let deadline = Instant::now() + self.limits.total;
        let fill = match self.look_up(question, job, deadline).await? {
            Lookup::Hit(hit) => {
                answer.repeat(&hit.answer);
                return Ok(Source::Cache(hit.cache));
            }
            Lookup::Fill(fill) => Some(Box::new(fill)),
            Lookup::Off => None,
        };
        let configuration = &job.assistant.configuration;
        let earlier = match history::window(question, configuration) {
            None => Vec::new(),
            Some(Window { messages, bytes }) => {
                let (thread, before) = (question.thread_id, question.position);
                let stored = &self.ports.messages;
                stored.latest(thread, before, messages, bytes).await?
            }
        };
        let conversation = history::conversation(earlier, question, configuration);
        let talk = Talk {
            engine: self,
            assistant: &job.assistant,
            context: &ToolContext {
                actor: job.actor.clone(),
                thread_id: job.thread_id,
            },
            meter,
            budget: &Arc::new(Budget::new(&self.limits, job.assistant.budget)),
            depth: 0,
            deadline,
        };
        agent_loop::run(&talk, conversation, answer).await?;
        Ok(Source::Model(fill))
    }

    /// Whether the question was answered before; waits where somebody is about to answer it.
    async fn look_up(
        &self,
        question: &Message,
        job: &RunJob,
        deadline: Instant,
    ) -> Result<Lookup, Failure> {
        if job.bypasses_cache {
            self.note_lookup(job, LookupOutcome::Bypassed);
            return Ok(Lookup::Off);
        }
        let user = job.actor.user_id();
        let lookup = self.answers.look_up(user, &job.assistant, question);
        match timeout_at(deadline, lookup).await {
            Ok(lookup) => {
                self.note_lookup(job, lookup.outcome());
                Ok(lookup)
            }
            Err(_elapsed) => Err(RunErrorCode::ModelTimeout.into()),
        }
    }

    fn note_lookup(&self, job: &RunJob, outcome: LookupOutcome) {
        if job.assistant.caching.is_on {
            self.ports.observer.answer_looked_up(outcome);
        }
    }

    fn ending(&self, answer: &Answer<'_>, result: Result<&Source, &Failure>) -> RunEnding {
        let now = self.ports.clock.now();
        match result {
            Ok(source) => RunEnding {
                status: RunStatus::Completed,
                finish_reason: answer.finish_reason,
                error: None,
                cache: source.cache(),
                finished_at: now,
            },
            Err(failure) => RunEnding::without_answer(failure.code, now),
        }
    }

    /// Writes the end with the events that the store does not have yet; the run and the messages
    /// that were added. While the store is away, again and again: whoever finds the lease run out
    /// has to reach the store too. While it refuses, until the lease would have run out, after which
    /// the run counts as interrupted anyway.
    async fn store_end(
        &self,
        active: &ActiveRun,
        run: &Run,
        ending: &RunEnding,
    ) -> Result<(Run, Vec<Message>), PortError> {
        let _in_order = active.writing.lock().await;
        let last = active.log.last();
        let closing = active.log.fold().ending(run, ending);
        let mut events = active.log.unstored();
        events.extend(closing.numbered(last));
        let commit = RunCommit {
            run: closing.run,
            expected: Expected::HeldBy {
                holder: self.instance,
                log_end: active.log.stored_end(),
            },
            lease: None,
            messages: closing.messages,
            thread_name: None,
            instructions: None,
            events,
        };
        let messages = self.commit_end(active, &commit).await?;
        active.log.mark_stored(last);
        for event in closing.events {
            active.log.push(event);
        }
        active.log.mark_stored(active.log.last());
        Ok((commit.run, messages))
    }

    async fn commit_end(
        &self,
        active: &ActiveRun,
        commit: &RunCommit,
    ) -> Result<Vec<Message>, PortError> {
        let begin = Instant::now();
        loop {
            match self.ports.runs.commit(commit).await {
                Ok(Committed::Written(messages)) => return Ok(messages),
                Ok(Committed::Known(_)) => {
                    return Err(PortError::other("the end of a run is no request"));
                }
                // Ended by somebody else, or by an earlier try whose answer was lost.
                Err(error @ PortError::Conflict(Constraint::RunLease)) => return Err(error),
                Err(PortError::NotFound) => {
                    tracing::info!("run was deleted with its thread");
                    return Err(PortError::NotFound);
                }
                Err(error)
                    if matches!(error, PortError::Unavailable(_)) || begin.elapsed() < LEASE =>
                {
                    tracing::warn!(error = &error as &dyn StdError, "end of run not stored yet");
                    if begin.elapsed() >= PATIENCE {
                        active.store_is_away.cancel();
                    }
                    tokio::time::sleep(STORE_BACKOFF).await;
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn StdError, "end of run not stored");
                    return Err(error);
                }
            }
        }
    }
}

fn log_end(run: &Run) {
    tracing::info!(
        run.status = run.status.as_str(),
        run.error = run.error.as_ref().map(|error| error.code.as_str()),
        "run ended"
    );
}
