//! One conversation with a model: it is asked, uses tools, is asked again, until it has answered.

use std::sync::Arc;

use colloquy_domain::{Assistant, FinishReason, RunErrorCode, Usage, json_of};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument as _;

use super::answer::Answer;
use super::budget::{Budget, KeptCall};
use super::engine::Inner;
use super::failure::Failure;
use super::meter::Meter;
use super::offer::Offer;
use super::{call, history, tool_calls};
use crate::ports::{ChatMessage, ChatRequest};
use crate::schemas::Schema;
use crate::spans;
use crate::tools::ToolContext;

/// Who talks, for whom and until when.
pub(super) struct Talk<'a> {
    pub(super) engine: &'a Arc<Inner>,
    pub(super) assistant: &'a Assistant,
    pub(super) context: &'a ToolContext,
    pub(super) meter: &'a Arc<Meter>,
    pub(super) budget: &'a Arc<Budget>,
    /// How many assistants have asked one another to get here.
    pub(super) depth: u32,
    pub(super) deadline: Instant,
}

/// Has the assistant's model answer into `answer`.
///
/// # Errors
/// What kept it from answering; what was said so far stays in `answer`.
pub(super) async fn converse(
    talk: &Talk<'_>,
    messages: Vec<ChatMessage>,
    answer: &mut Answer<'_>,
) -> Result<(), Failure> {
    let schema = output_schema(talk).await?;
    let offer = Offer::of(talk).await?;
    let mut request = request(talk.assistant, messages, &offer);
    let mut rounds_left = talk.assistant.max_tool_rounds.get();
    take_call(talk, None)?;
    // Whoever uses tools must be able to answer when they have used everything up.
    let mut kept = None;
    if !offer.is_empty() {
        kept = talk.budget.keep_call();
        request.may_call_tools = kept.is_some() && talk.budget.has_tool_calls();
    }
    loop {
        ask(talk, &request, answer).await?;
        let calls = answer.take_calls();
        let stopped = answer.finish_reason == Some(FinishReason::Stop);
        if calls.is_empty() || !stopped || !request.may_call_tools {
            break;
        }
        let results = tool_calls::use_tools(talk, &offer, &calls, answer.log).await;
        request.messages.push(ChatMessage::Assistant {
            text: answer.text(),
            tool_calls: calls,
        });
        let results = results.into_iter().map(ChatMessage::Tool);
        request.messages.extend(results);
        answer.go_on();
        rounds_left -= 1;
        request.may_call_tools =
            rounds_left > 0 && talk.budget.has_tool_calls() && talk.budget.take_model_call();
        if !request.may_call_tools {
            take_call(talk, kept.take())?;
        }
    }
    if !request.may_call_tools && answer.finish_reason == Some(FinishReason::Stop) {
        answer.finish_reason = Some(FinishReason::ToolRounds);
    }
    match schema {
        Some(schema) => keep_to_schema(talk, request, &schema, kept, answer).await,
        None => Ok(()),
    }
}

/// Takes a call of the model: the one that was kept, or another.
fn take_call(talk: &Talk<'_>, kept: Option<KeptCall<'_>>) -> Result<(), Failure> {
    match kept {
        Some(kept) => kept.spend(),
        None if talk.budget.take_model_call() => {}
        None => return Err(RunErrorCode::BudgetExhausted.into()),
    }
    Ok(())
}

/// Reads the schema before anything is asked: an older version of the service may have stored one
/// that is beyond today's bounds.
async fn output_schema(talk: &Talk<'_>) -> Result<Option<Schema>, Failure> {
    let Some(schema) = &talk.assistant.output_schema else {
        return Ok(None);
    };
    let schema = schema.as_value().clone();
    let schema = talk.engine.schemas.compile(schema).await.map_err(|error| {
        let assistant = talk.assistant.slug.as_str();
        tracing::warn!(assistant, %error, "output schema cannot be used");
        Failure::from(RunErrorCode::OutputInvalid)
    })?;
    Ok(Some(schema))
}

/// Sees to it that the answer is what the assistant's output schema asks for; where it is not, the
/// model may mend it once.
async fn keep_to_schema(
    talk: &Talk<'_>,
    mut request: ChatRequest,
    schema: &Schema,
    kept: Option<KeptCall<'_>>,
    answer: &mut Answer<'_>,
) -> Result<(), Failure> {
    let reason = answer.finish_reason;
    let said = answer.text();
    let Err(complaint) = check(talk, schema, said.clone()).await else {
        return Ok(());
    };
    if !matches!(reason, Some(FinishReason::Stop | FinishReason::ToolRounds)) {
        return Err(RunErrorCode::OutputInvalid.into());
    }
    take_call(talk, kept)?;
    tracing::info!("answer does not keep to the output schema; asked again");
    if !said.trim().is_empty() {
        request.messages.push(ChatMessage::Assistant {
            text: said,
            tool_calls: Vec::new(),
        });
    }
    history::say(&mut request.messages, &mend(&complaint));
    request.may_call_tools = false;
    answer.begin_again();
    ask(talk, &request, answer).await?;
    answer.take_calls();
    let checked = check(talk, schema, answer.text()).await;
    checked.map_err(|_| RunErrorCode::OutputInvalid)?;
    answer.finish_reason = reason;
    Ok(())
}

async fn ask(
    talk: &Talk<'_>,
    request: &ChatRequest,
    answer: &mut Answer<'_>,
) -> Result<(), Failure> {
    let _turn = timeout_at(talk.deadline, talk.budget.model_turn())
        .await
        .map_err(|_elapsed| RunErrorCode::ModelTimeout)?;
    let span = spans::chat(request, talk.context.thread_id);
    let before = answer.bytes();
    let asked = call::ask(talk, request, answer);
    let asked = asked.instrument(span.clone()).await;
    let counted = asked.as_ref().ok().copied().flatten();
    let said = answer.bytes().saturating_sub(before);
    talk.budget.spend_tokens(match counted {
        Some(usage) => usage,
        None if asked.is_err() && said == 0 => Usage::default(),
        None => history::estimated(request, said),
    });
    match &asked {
        Ok(usage) => spans::answered(&span, answer.finish_reason, *usage),
        Err(error) => spans::failed(&span, error.kind.as_str()),
    }
    asked?;
    Ok(())
}

fn request(assistant: &Assistant, messages: Vec<ChatMessage>, offer: &Offer) -> ChatRequest {
    let schema = assistant.output_schema.as_ref();
    let output_schema = schema.map(|schema| schema.as_value().clone());
    let instructions = assistant.instructions.as_str();
    let demand = output_schema.as_ref().map(demand);
    let instructions: Vec<&str> = [Some(instructions), demand.as_deref()]
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    ChatRequest {
        model: assistant.model.clone(),
        instructions: (!instructions.is_empty()).then(|| instructions.join("\n\n")),
        messages,
        configuration: assistant.configuration.clone(),
        tools: offer.definitions(),
        may_call_tools: true,
        output_schema,
    }
}

/// Said in the instructions too, for models whose provider knows no schemas.
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

/// Until the run's deadline.
async fn check(talk: &Talk<'_>, schema: &Schema, answer: String) -> Result<(), String> {
    let read = move || {
        serde_json::from_str(json_of(&answer))
            .map_err(|error| format!("It cannot be read as JSON: {error}."))
    };
    let checked = talk.engine.schemas.check(schema, read);
    match timeout_at(talk.deadline, checked).await {
        Ok(checked) => checked.map(|_value| ()),
        Err(_elapsed) => Err("It could not be checked in time.".to_owned()),
    }
}
