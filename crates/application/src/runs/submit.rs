//! Submissions to paused runs: results of client functions, and approvals.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use colloquy_domain::{
    Actor, ApprovalReason, AssistantRef, FieldError, OpenCall, RequiredAction, Run, RunAction,
    RunEventKind, RunId, RunState, Thread, ThreadId, ToolOutput, ToolResult, ValidationError,
    Violation,
};

use super::resume::{Answers, ResumeJob};
use super::{Runs, StartedRun};
use crate::Error;
use crate::access::{AssistantAction, ThreadAction};

/// The result of a client-side call.
#[derive(Debug, Clone)]
pub struct SubmittedOutput {
    /// The call.
    pub tool_call_id: String,
    /// Content for the model.
    pub content: ToolOutput,
    /// Whether the call failed.
    pub is_error: bool,
}

/// The decision about a call that requires approval.
#[derive(Debug, Clone)]
pub struct SubmittedApproval {
    /// The call.
    pub tool_call_id: String,
    /// Whether it may be executed.
    pub approve: bool,
    /// Reason for declining, for the model.
    pub reason: Option<ApprovalReason>,
}

/// A submission, with an item for each open call.
pub(super) enum Submission {
    Outputs(Vec<SubmittedOutput>),
    Approvals(Vec<SubmittedApproval>),
}

impl Runs {
    /// Resumes a run that waits for results; all must be submitted at once.
    ///
    /// # Errors
    /// The policy's refusal; `NotFound`, also for another user's thread; `ReferenceNotFound` if the
    /// assistant is gone; `RunNotPaused`; `Invalid` for a missing, unknown or repeated call;
    /// `TooManyRuns`, `Overloaded`, `Stopping`.
    pub async fn submit_outputs(
        &self,
        actor: &Actor,
        thread: ThreadId,
        id: RunId,
        outputs: Vec<SubmittedOutput>,
    ) -> Result<StartedRun, Error> {
        let action = ThreadAction::CreateMessage;
        self.access.thread(actor, thread, action).await?;
        let run = self.runs.get(thread, id).await?.ok_or(Error::NotFound)?;
        self.go_on(actor, run, Submission::Outputs(outputs)).await
    }

    /// Resumes a run that waits for approvals; all calls must be decided at once.
    ///
    /// # Errors
    /// Those of [`submit_outputs`](Self::submit_outputs).
    pub async fn submit_approvals(
        &self,
        actor: &Actor,
        thread: ThreadId,
        id: RunId,
        approvals: Vec<SubmittedApproval>,
    ) -> Result<StartedRun, Error> {
        let action = ThreadAction::View;
        let thread: Thread = self.access.thread(actor, thread, action).await?;
        let run = self.runs.get(thread.id, id).await?;
        let run = run.ok_or(Error::NotFound)?;
        let decision = self.access.policy().approve_call(actor, &thread, &run);
        decision.await.require_of(actor, "approve_call")?;
        self.go_on(actor, run, Submission::Approvals(approvals))
            .await
    }

    async fn go_on(
        &self,
        actor: &Actor,
        run: Run,
        submission: Submission,
    ) -> Result<StartedRun, Error> {
        let is_awaited = run.required_action.as_ref();
        if is_awaited.map(|action| action.kind) != Some(submission.kind()) {
            return Err(Error::RunNotPaused(Box::new(run)));
        }
        let actor = self.actor_of(&run, actor).await?;
        let reference = AssistantRef::Id(run.assistant_id);
        let assistant = self
            .access
            .assistant(&actor, &reference, AssistantAction::Run)
            .await
            .map_err(|error| error.of_reference("assistant_id"))?;
        let job = ResumeJob {
            run,
            actor,
            assistant,
            submission,
        };
        self.engine.resume(job).await
    }

    /// The actor whose rights apply: the asking user, whoever submits.
    async fn actor_of(&self, run: &Run, submitter: &Actor) -> Result<Actor, Error> {
        if run.user_id == submitter.user_id() {
            return Ok(submitter.clone());
        }
        let user = match run.user_id {
            Some(id) => self.users.find_all(&[id]).await?.pop(),
            None => None,
        };
        let user = user.filter(|user| user.is_active);
        let user = user.ok_or(Error::Forbidden(
            "The account that asked was disabled or deleted.".into(),
        ))?;
        Ok(Actor::User(user.into()))
    }
}

impl Submission {
    const fn kind(&self) -> RunAction {
        match self {
            Self::Outputs(_) => RunAction::SubmitToolOutputs,
            Self::Approvals(_) => RunAction::Approve,
        }
    }

    /// What it adds to the log of a run in that state.
    ///
    /// # Errors
    /// `RunNotPaused`, `Invalid`.
    pub(super) fn answers(self, run: &Run, state: &RunState) -> Result<Answers, Error> {
        let action = state.required_action().filter(|_| state.paused().is_some());
        let Some(action) = action.filter(|action| action.kind == self.kind()) else {
            return Err(Error::RunNotPaused(Box::new(run.clone())));
        };
        match self {
            Self::Outputs(outputs) => {
                let bytes: usize = outputs.iter().map(|it| it.content.as_str().len()).sum();
                if bytes > ToolOutput::MAX_TOTAL_BYTES {
                    let too_long = "must have at most 262144 bytes of content in all";
                    let error = Violation::new("too_long", too_long).at("outputs");
                    return Err(error.into());
                }
                let outputs = matched(&action, "outputs", outputs, |it| &it.tool_call_id)?;
                Ok(Answers {
                    returned: outputs.into_iter().map(returned).collect(),
                    approved: Vec::new(),
                })
            }
            Self::Approvals(approvals) => {
                let approvals = matched(&action, "approvals", approvals, |it| &it.tool_call_id)?;
                let (approved, declined): (Vec<_>, Vec<_>) =
                    approvals.into_iter().partition(|(_, it)| it.approve);
                Ok(Answers {
                    returned: declined.into_iter().map(decline).collect(),
                    approved: approved.iter().map(|(call, _)| call.message_id).collect(),
                })
            }
        }
    }
}

/// The open calls in the model's order, with their items.
fn matched<'a, T>(
    action: &'a RequiredAction,
    field: &str,
    items: Vec<T>,
    id: impl Fn(&T) -> &String,
) -> Result<Vec<(&'a OpenCall, T)>, ValidationError> {
    let mut errors: Vec<FieldError> = Vec::new();
    let mut by_id: HashMap<String, T> = HashMap::new();
    for (place, item) in items.into_iter().enumerate() {
        let id = id(&item).clone();
        let violation = if !action.calls.iter().any(|call| call.tool_call_id == id) {
            Violation::new("unknown_call", "is no call that the run waits for")
        } else if let Entry::Vacant(entry) = by_id.entry(id) {
            entry.insert(item);
            continue;
        } else {
            Violation::new("duplicate", "is given twice")
        };
        errors.push(violation.at(format!("{field}[{place}].tool_call_id")));
    }
    let mut matched = Vec::new();
    for call in &action.calls {
        match by_id.remove(&call.tool_call_id) {
            Some(item) => matched.push((call, item)),
            None => {
                let missing = format!("must have the call {:?}", call.tool_call_id);
                errors.push(Violation::new("missing_call", missing).at(field));
            }
        }
    }
    match errors.is_empty() {
        true => Ok(matched),
        false => Err(ValidationError { errors }),
    }
}

fn returned((call, output): (&OpenCall, SubmittedOutput)) -> RunEventKind {
    result(call, output.content.into_string(), output.is_error)
}

fn decline((call, approval): (&OpenCall, SubmittedApproval)) -> RunEventKind {
    let content = match &approval.reason {
        Some(reason) => format!("The call was declined: {}", reason.as_str()),
        None => "The call was declined.".to_owned(),
    };
    result(call, content, true)
}

fn result(call: &OpenCall, content: String, is_error: bool) -> RunEventKind {
    RunEventKind::ToolReturned {
        message_id: call.message_id,
        result: ToolResult {
            call_id: call.tool_call_id.clone(),
            name: call.name.clone(),
            content,
            is_error,
        },
    }
}
