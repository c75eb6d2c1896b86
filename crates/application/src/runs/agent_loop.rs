//! The loop of one assistant: model calls and tool calls until there is an answer.

use colloquy_domain::{
    Assistant, CallExecutor, Configuration, FinishReason, Instructions, MessageId, RequestedCall,
    RequiredAction, RunErrorCode, RunEventKind, RunSettings, RunState, ToolCall, ToolChoice, Usage,
    json_of,
};
use serde_json::Value;
use tokio::time::timeout_at;
use tracing::Instrument as _;

use super::answer::Answer;
use super::budget::KeptCall;
use super::failure::Failure;
use super::spending::Spending;
use super::step::{Step, next_step};
use super::talk::Talk;
use super::tool_set::ToolSet;
use super::{call, history, tool_calls};
use crate::ports::{ChatMessage, ChatOptions, ChatRequest, RequiredTool};
use crate::schemas::{Schema, read_json};
use crate::spans;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// The newest utterance is the answer.
    Answered,
    /// The run waits for an action.
    AwaitsAction(RequiredAction),
}

struct AgentLoop<'a> {
    talk: &'a Talk<'a>,
    tools: ToolSet,
    schema: Option<Schema>,
    /// The conversation before the run.
    earlier: Vec<ChatMessage>,
    /// Reserved so that an assistant that uses up the budget on tools can still answer.
    kept: Option<KeptCall<'a>>,
    has_asked: bool,
    spending: Spending<'a>,
}

/// Continues from `answer`'s log until there is an answer or an action is needed.
///
/// # Errors
/// What prevented an answer; the text so far stays in the log.
pub(super) async fn run(
    talk: &Talk<'_>,
    earlier: Vec<ChatMessage>,
    answer: &mut Answer<'_>,
) -> Result<Halt, Failure> {
    let schema = output_schema(talk).await?;
    if schema.is_some() {
        // A message that is begun is a message that is kept.
        answer.hold();
    }
    let tools = ToolSet::of(talk).await?;
    let state = answer.log.fold();
    let has_asked = state.round() > 0;
    let mut agent = AgentLoop {
        talk,
        // A resumed run reserved a call before its pause, too.
        kept: (has_asked && !tools.is_empty())
            .then(|| talk.budget.keep_call())
            .flatten(),
        tools,
        spending: Spending::new(talk.settings, state.own_usage()),
        schema,
        earlier,
        has_asked,
    };
    loop {
        let state = answer.log.fold();
        match next_step(&state) {
            Step::AskModel => {
                if let Some(reason) = agent.spending.used_up() {
                    answer.finish_reason = Some(reason);
                    return match is_mending(&state) {
                        true => Err(RunErrorCode::OutputInvalid.into()),
                        false => Ok(Halt::Answered),
                    };
                }
                agent.ask(&state, answer).await?;
            }
            Step::RunTools(calls) => {
                tool_calls::run_all(talk, &agent.tools, &calls, answer.log).await;
            }
            Step::AwaitAction(action) => return Ok(Halt::AwaitsAction(action)),
            Step::Finish => {
                if agent.accepts(&state, answer).await? {
                    return Ok(Halt::Answered);
                }
            }
        }
    }
}

impl AgentLoop<'_> {
    /// One round: a model call and the tool calls that it requests.
    async fn ask(&mut self, state: &RunState, answer: &mut Answer<'_>) -> Result<(), Failure> {
        let is_mending = is_mending(state);
        let may_call_tools = self.take_call(state)?;
        let reason = state.finish_reason();
        let request = self.request(state, may_call_tools);
        answer.begin(state.round().saturating_add(1));
        let (usage, spent) = ask(self.talk, &request, answer).await?;
        self.spending.add(spent);
        answer.finish_reason = match answer.finish_reason {
            // A corrected answer keeps the finish reason of the original.
            _ if is_mending => reason,
            Some(FinishReason::Stop) if !may_call_tools => Some(FinishReason::ToolRounds),
            reason => reason,
        };
        let calls = answer.take_calls();
        let has_stopped = answer.finish_reason == Some(FinishReason::Stop);
        if has_stopped && may_call_tools && !is_mending && !calls.is_empty() {
            answer.release();
            answer.log.push(self.requested(answer, calls));
        }
        self.note_call(answer, usage);
        Ok(())
    }

    fn requested(&self, answer: &Answer<'_>, calls: Vec<ToolCall>) -> RunEventKind {
        let ids = &self.talk.engine.ports.ids;
        let requested = |call: ToolCall| {
            let by = self.executor(&call);
            let id = match by {
                // Clients keep results by this ID, and some providers count from 0 in every run.
                CallExecutor::Client => format!("call_{}", ids.next_id().simple()),
                _ => call.id,
            };
            RequestedCall {
                message_id: MessageId::from_uuid(ids.next_id()),
                needs_approval: self.tools.needs_approval(&call.name),
                call: ToolCall { id, ..call },
                by,
            }
        };
        RunEventKind::ToolsRequested {
            round: answer.round(),
            message_id: answer.said(),
            calls: calls.into_iter().map(requested).collect(),
        }
    }

    /// Client-side calls count too. One beyond the budget is left to the service, which tells the
    /// model.
    fn executor(&self, call: &ToolCall) -> CallExecutor {
        match self.tools.executor(&call.name) {
            CallExecutor::Client if self.talk.budget.take_tool_call() => CallExecutor::Client,
            _ => CallExecutor::Service,
        }
    }

    fn note_call(&self, answer: &Answer<'_>, usage: Option<Usage>) {
        let called = |depth| RunEventKind::ModelCalled {
            depth,
            round: answer.round(),
            model: self.talk.assistant.model.clone(),
            finish_reason: answer.finish_reason,
            usage,
        };
        answer.log.push(called(0));
        if self.talk.depth > 0 {
            self.talk.meter.run_log().push(called(self.talk.depth));
        }
    }

    /// Takes a model call from the budget. Returns whether it may call tools.
    fn take_call(&mut self, state: &RunState) -> Result<bool, Failure> {
        let budget = self.talk.budget;
        if is_mending(state) {
            self.spend_last_call()?;
            return Ok(false);
        }
        let rounds_left = self.talk.assistant.max_tool_rounds.get() > state.tool_rounds();
        if self.has_asked {
            let may_call_tools = rounds_left && budget.has_tool_calls() && budget.take_model_call();
            if !may_call_tools {
                self.spend_last_call()?;
            }
            return Ok(may_call_tools);
        }
        self.has_asked = true;
        self.spend_last_call()?;
        if self.tools.is_empty() {
            return Ok(true);
        }
        self.kept = budget.keep_call();
        Ok(rounds_left && self.kept.is_some() && budget.has_tool_calls())
    }

    /// Uses the reserved call, or another.
    fn spend_last_call(&mut self) -> Result<(), Failure> {
        match self.kept.take() {
            Some(kept) => kept.spend(),
            None if self.talk.budget.take_model_call() => {}
            None => return Err(RunErrorCode::BudgetExhausted.into()),
        }
        Ok(())
    }

    fn request(&self, state: &RunState, may_call_tools: bool) -> ChatRequest {
        let assistant = self.talk.assistant;
        let schema = assistant.output_schema.as_ref();
        let output_schema = schema.map(|schema| schema.as_value().clone());
        ChatRequest {
            model: assistant.model.clone(),
            instructions: instructions(assistant, self.talk.settings, output_schema.as_ref()),
            messages: history::transcript(self.earlier.clone(), state, mend),
            configuration: Configuration {
                max_output_tokens: self
                    .spending
                    .max_output_tokens(assistant.configuration.max_output_tokens),
                ..assistant.configuration.clone()
            },
            options: self.options(state, may_call_tools),
            tools: self.tools.definitions(),
            may_call_tools,
            output_schema,
        }
    }

    fn options(&self, state: &RunState, may_call_tools: bool) -> ChatOptions {
        let settings = self.talk.settings;
        let is_first = state.round() == 0 && may_call_tools && !self.tools.is_empty();
        let required = match &settings.tool_choice {
            Some(ToolChoice::Required) => Some(RequiredTool::Any),
            Some(ToolChoice::Named(name)) if self.tools.has(name.as_str()) => {
                Some(RequiredTool::Named(name.clone()))
            }
            _ => None,
        };
        ChatOptions {
            stop: settings.stop.clone().unwrap_or_default(),
            seed: settings.seed,
            reasoning_effort: settings.reasoning_effort,
            parallel_tool_calls: settings.parallel_tool_calls,
            // In every round, no run would end.
            required_tool: required.filter(|_| is_first),
        }
    }

    /// Whether the newest utterance is what the assistant's output schema asks for. Where it is
    /// not, it is discarded: the model may mend it once.
    async fn accepts(&self, state: &RunState, answer: &mut Answer<'_>) -> Result<bool, Failure> {
        let (Some(schema), Some(said)) = (&self.schema, state.last_utterance()) else {
            return Ok(true);
        };
        let text = answer.held().unwrap_or(&said.text).to_owned();
        let Err(complaint) = check(self.talk, schema, text).await else {
            answer.release();
            return Ok(true);
        };
        let reason = state.finish_reason();
        let has_ended = matches!(reason, Some(FinishReason::Stop | FinishReason::ToolRounds));
        let was_mended = state.utterances().any(|it| it.complaint.is_some());
        if was_mended || !has_ended {
            return Err(RunErrorCode::OutputInvalid.into());
        }
        tracing::info!("answer does not keep to the output schema; asked again");
        answer.discard(complaint);
        Ok(false)
    }
}

/// Whether the newest utterance was rejected.
fn is_mending(state: &RunState) -> bool {
    let last = state.last_utterance();
    last.is_some_and(|utterance| utterance.complaint.is_some())
}

/// Compiles the schema before the first call: an older version of the service may have stored one
/// beyond today's bounds.
async fn output_schema(talk: &Talk<'_>) -> Result<Option<Schema>, Failure> {
    let Some(schema) = &talk.assistant.output_schema else {
        return Ok(None);
    };
    let schema = schema.as_value().clone();
    let schema = talk
        .engine
        .schemas
        .compile(&talk.context.actor, schema)
        .await
        .map_err(|error| {
            let assistant = talk.assistant.slug.as_str();
            tracing::warn!(assistant, %error, "output schema cannot be used");
            Failure::from(RunErrorCode::OutputInvalid)
        })?;
    Ok(Some(schema))
}

/// Has the model answer; what the provider counted, and what counts as spent.
async fn ask(
    talk: &Talk<'_>,
    request: &ChatRequest,
    answer: &mut Answer<'_>,
) -> Result<(Option<Usage>, Usage), Failure> {
    let _turn = timeout_at(talk.deadline, talk.budget.model_turn())
        .await
        .map_err(|_elapsed| RunErrorCode::ModelTimeout)?;
    let span = spans::chat(request, talk.context.thread_id);
    let before = answer.bytes();
    let asked = call::ask(talk, request, answer);
    let asked = asked.instrument(span.clone()).await;
    let counted = asked.as_ref().ok().copied().flatten();
    let said = answer.bytes().saturating_sub(before);
    let spent = match counted {
        Some(usage) => usage,
        None if asked.is_err() && said == 0 => Usage::default(),
        None => history::estimated(request, said),
    };
    talk.budget.spend_tokens(spent);
    match &asked {
        Ok(usage) => spans::answered(&span, answer.finish_reason, *usage),
        Err(error) => spans::failed(&span, error.kind.as_str()),
    }
    Ok((asked?, spent))
}

fn instructions(
    assistant: &Assistant,
    settings: &RunSettings,
    schema: Option<&Value>,
) -> Option<String> {
    let demand = schema.map(demand);
    let additional = settings.additional_instructions.as_ref();
    let parts = [
        Some(assistant.instructions.as_str()),
        additional.map(Instructions::as_str),
        demand.as_deref(),
    ];
    let parts: Vec<&str> = parts.into_iter().flatten().collect();
    let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// The schema as part of the instructions, for models whose provider does not support schemas.
fn demand(schema: &Value) -> String {
    format!(
        "Your final answer must be one JSON value that is valid against this JSON Schema, \
         without any other text:\n{schema}"
    )
}

fn mend(complaint: &str) -> String {
    format!(
        "That is not a JSON value that is valid against the schema:\n{complaint}\n\
         Answer again, with the corrected JSON value only."
    )
}

/// Limited by the run's deadline.
async fn check(talk: &Talk<'_>, schema: &Schema, answer: String) -> Result<(), String> {
    let read = move || read_json(json_of(&answer));
    let schemas = &talk.engine.schemas;
    let checked = schemas.check(&talk.context.actor, schema, read);
    match timeout_at(talk.deadline, checked).await {
        Ok(checked) => checked.map(|_value| ()),
        Err(_elapsed) => Err("It could not be checked in time.".to_owned()),
    }
}
