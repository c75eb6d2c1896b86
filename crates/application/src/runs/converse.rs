//! One conversation with a model: it is asked, uses tools, is asked again, until it has answered.

use std::sync::Arc;

use colloquy_domain::{Assistant, FinishReason, RunErrorCode, json_of};
use serde_json::Value;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::answer::Answer;
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
    let offer = Offer::of(talk).await?;
    let mut request = request(talk.assistant, messages, &offer);
    let mut rounds_left = talk.assistant.max_tool_rounds.get();
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
        request.may_call_tools = rounds_left > 0;
    }
    if !request.may_call_tools && answer.finish_reason == Some(FinishReason::Stop) {
        answer.finish_reason = Some(FinishReason::ToolRounds);
    }
    keep_to_schema(talk, request, answer).await
}

/// Sees to it that the answer is what the assistant's output schema asks for; where it is not, the
/// model may mend it once.
async fn keep_to_schema(
    talk: &Talk<'_>,
    mut request: ChatRequest,
    answer: &mut Answer<'_>,
) -> Result<(), Failure> {
    let Some(schema) = &request.output_schema else {
        return Ok(());
    };
    // It was one when the assistant was saved.
    let schema = Schema::compile(schema).map_err(|_| RunErrorCode::OutputInvalid)?;
    let reason = answer.finish_reason;
    let said = answer.text();
    let Err(complaint) = check(&schema, &said) else {
        return Ok(());
    };
    if !matches!(reason, Some(FinishReason::Stop | FinishReason::ToolRounds)) {
        return Err(RunErrorCode::OutputInvalid.into());
    }
    tracing::info!("answer does not keep to the output schema; asked again");
    if !said.is_empty() {
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
    check(&schema, &answer.text()).map_err(|_| RunErrorCode::OutputInvalid)?;
    answer.finish_reason = reason;
    Ok(())
}

async fn ask(
    talk: &Talk<'_>,
    request: &ChatRequest,
    answer: &mut Answer<'_>,
) -> Result<(), Failure> {
    let Inner { ports, limits, .. } = &**talk.engine;
    let (meter, deadline) = (talk.meter, talk.deadline);
    let span = spans::chat(request, talk.context.thread_id);
    let asked = call::ask(ports, request, limits, meter, deadline, answer);
    let asked = asked.instrument(span.clone()).await;
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

fn check(schema: &Schema, answer: &str) -> Result<(), String> {
    let value = serde_json::from_str(json_of(answer))
        .map_err(|error| format!("It cannot be read as JSON: {error}."))?;
    schema.check(&value)
}
