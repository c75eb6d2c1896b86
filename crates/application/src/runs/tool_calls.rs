//! Executes tool calls.

use std::panic::AssertUnwindSafe;

use colloquy_domain::{RequestedCall, RunEventKind, ToolCall, ToolResult};
use futures_util::{FutureExt as _, StreamExt as _, stream};
use serde_json::Value;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::answer::without_nul;
use super::log::RunLog;
use super::talk::Talk;
use super::tool_set::ToolSet;
use crate::ports::ToolOutcome;
use crate::spans;
use crate::tools::{MAX_RESULT_BYTES, Registered, ToolError};

/// Maximum bytes of JSON arguments.
const MAX_ARGUMENT_BYTES: usize = 64 * 1024;
/// Told to the model when the budget is exhausted.
pub(super) const USED_UP: &str = "The run has used up its budget. Answer with what you have.";

/// Executes the calls, as many concurrently as the assistant allows. Failures are results too.
pub(super) async fn run_all(
    talk: &Talk<'_>,
    tools: &ToolSet,
    calls: &[RequestedCall],
    log: &RunLog,
) {
    let at_once = usize::try_from(talk.assistant.tool_max_concurrency.get()).unwrap_or(1);
    // Collected first: a stream over this closure would not be `Send`.
    let runs: Vec<_> = calls.iter().map(|it| run(talk, tools, it, log)).collect();
    stream::iter(runs)
        .buffer_unordered(at_once)
        .collect::<()>()
        .await;
}

async fn run(talk: &Talk<'_>, tools: &ToolSet, requested: &RequestedCall, log: &RunLog) {
    let RequestedCall {
        message_id, call, ..
    } = requested;
    let message_id = *message_id;
    log.push(RunEventKind::ToolCalled {
        message_id,
        call: call.clone(),
    });
    let span = spans::execute_tool(call, tools.get(&call.name).is_some());
    let work = carry_out(talk, tools, call);
    let result = work.instrument(span.clone()).await;
    let is_error = result.is_err();
    let (outcome, content) = match &result {
        Ok(content) => (ToolOutcome::Answered, bounded(content)),
        Err((outcome, error)) => {
            spans::failed(&span, outcome.as_str());
            (*outcome, bounded(&error.to_string()))
        }
    };
    talk.engine.ports.observer.tool_used(outcome);
    tracing::debug!(tool = call.name, is_error, "tool called");
    log.push(RunEventKind::ToolReturned {
        message_id,
        result: ToolResult {
            call_id: call.id.clone(),
            name: call.name.clone(),
            content,
            is_error,
        },
    });
}

async fn carry_out(
    talk: &Talk<'_>,
    tools: &ToolSet,
    call: &ToolCall,
) -> Result<String, (ToolOutcome, ToolError)> {
    if !talk.budget.take_tool_call() {
        return Err((ToolOutcome::OverBudget, ToolError::new(USED_UP)));
    }
    let tool = tools.get(&call.name).ok_or_else(|| {
        let error = ToolError::new("There is no such tool.");
        (ToolOutcome::Unknown, error)
    })?;
    let arguments = arguments(talk, tool, &call.arguments)
        .await
        .map_err(|error| (ToolOutcome::InvalidArguments, error))?;
    let _turn = turn(talk, tool).await?;
    let limit = Instant::now().checked_add(tool.tool.time_limit());
    let limit = limit.map_or(talk.deadline, |limit| limit.min(talk.deadline));
    let work = tool.tool.call(talk.context, arguments);
    // A panic in a tool fails the call, not the run.
    let work = AssertUnwindSafe(work).catch_unwind();
    match timeout_at(limit, work).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| (ToolOutcome::Failed, error)),
        Ok(Err(_panic)) => {
            tracing::error!(tool = call.name, "tool panicked");
            let error = ToolError::new("The tool failed.");
            Err((ToolOutcome::Panicked, error))
        }
        Err(_elapsed) => {
            let error = ToolError::new("The tool took too long.");
            Err((ToolOutcome::TimedOut, error))
        }
    }
}

/// Waits for a permit of the run's tools. Assistants wait for tools themselves, and would block
/// them with a permit.
async fn turn<'a>(
    talk: &Talk<'a>,
    tool: &Registered,
) -> Result<Option<SemaphorePermit<'a>>, (ToolOutcome, ToolError)> {
    if tool.is_assistant {
        return Ok(None);
    }
    let turn = timeout_at(talk.deadline, talk.budget.tool_turn()).await;
    turn.map_err(|_elapsed| (ToolOutcome::TimedOut, ToolError::new("Out of time.")))
}

/// Parses the arguments and validates them against the tool's schema. Empty arguments count as an
/// empty object.
async fn arguments(talk: &Talk<'_>, tool: &Registered, text: &str) -> Result<Value, ToolError> {
    if text.len() > MAX_ARGUMENT_BYTES {
        return Err(ToolError::new("The arguments are longer than 65536 bytes."));
    }
    let text = if text.trim().is_empty() { "{}" } else { text };
    let arguments: Value = serde_json::from_str(text)
        .map_err(|error| ToolError::new(format!("The arguments are not JSON: {error}.")))?;
    let schemas = &talk.engine.schemas;
    let checked = schemas.check(&talk.context.actor, &tool.arguments, || Ok(arguments));
    let checked = timeout_at(talk.deadline, checked).await;
    let checked = checked.unwrap_or_else(|_elapsed| Err("Out of time.".to_owned()));
    checked.map_err(|complaint| {
        ToolError::new(format!(
            "The arguments break the tool's schema:\n{complaint}"
        ))
    })
}

fn bounded(content: &str) -> String {
    const CUT: &str = "\n[cut]";
    let content = without_nul(content);
    if content.len() <= MAX_RESULT_BYTES {
        return content.into_owned();
    }
    let room = MAX_RESULT_BYTES - CUT.len();
    format!("{}{CUT}", &content[..content.floor_char_boundary(room)])
}
