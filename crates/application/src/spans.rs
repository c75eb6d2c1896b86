//! Trace spans, by OpenTelemetry's conventions for generative AI. They contain no text of people,
//! models or tools.

use colloquy_domain::{
    Assistant, FinishReason, FrequencyPenalty, PresencePenalty, Run, Temperature, ThreadId,
    ToolCall, TopP, Usage,
};
use tracing::field::{Empty, display};
use tracing::{Span, info_span};

use crate::ports::ChatRequest;

/// Target of all spans, to keep them out of the log.
pub const TARGET: &str = "traces";

/// An assistant is called by a person or another assistant.
pub(crate) fn invoke_agent(assistant: &Assistant, thread: ThreadId) -> Span {
    let name = assistant.slug.as_str();
    let schema = assistant.output_schema.as_ref();
    info_span!(
        target: TARGET,
        "invoke_agent",
        otel.name = format_args!("invoke_agent {name}"),
        otel.status_code = Empty,
        error.type = Empty,
        gen_ai.operation.name = "invoke_agent",
        gen_ai.provider.name = provider(assistant.model.provider()),
        gen_ai.request.model = assistant.model.name(),
        gen_ai.agent.id = %assistant.id,
        gen_ai.agent.name = name,
        gen_ai.conversation.id = %thread,
        gen_ai.output.type = schema.map(|_| "json"),
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        colloquy.run.id = Empty,
        colloquy.run.cache = Empty,
    )
}

pub(crate) fn chat(request: &ChatRequest, thread: ThreadId) -> Span {
    let model = request.model.name();
    let schema = request.output_schema.as_ref();
    let settings = &request.configuration;
    info_span!(
        target: TARGET,
        "chat",
        otel.name = format_args!("chat {model}"),
        otel.kind = "client",
        otel.status_code = Empty,
        error.type = Empty,
        gen_ai.operation.name = "chat",
        gen_ai.provider.name = provider(request.model.provider()),
        gen_ai.request.model = model,
        gen_ai.request.temperature = settings.temperature.map(Temperature::get),
        gen_ai.request.top_p = settings.top_p.map(TopP::get),
        gen_ai.request.presence_penalty = settings.presence_penalty.map(PresencePenalty::get),
        gen_ai.request.frequency_penalty = settings.frequency_penalty.map(FrequencyPenalty::get),
        gen_ai.request.max_tokens = settings.max_output_tokens.map(|limit| i64::from(limit.get())),
        gen_ai.request.stream = true,
        gen_ai.conversation.id = %thread,
        gen_ai.output.type = schema.map(|_| "json"),
        gen_ai.response.finish_reasons = Empty,
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
    )
}

/// A tool call. Unnamed unless offered: the model made up the name.
pub(crate) fn execute_tool(call: &ToolCall, is_offered: bool) -> Span {
    let name = if is_offered { &call.name } else { "unknown" };
    info_span!(
        target: TARGET,
        "execute_tool",
        otel.name = format_args!("execute_tool {name}"),
        otel.status_code = Empty,
        error.type = Empty,
        gen_ai.operation.name = "execute_tool",
        gen_ai.tool.name = name,
        gen_ai.tool.type = "function",
        gen_ai.tool.call.id = call.id,
    )
}

/// An embedding request. `embedder` is a model's name or a local directory.
pub(crate) fn embeddings(embedder: &str) -> Span {
    let local = || ("local", embedder.rsplit('/').next().unwrap_or_default());
    let (provider_name, model) = embedder.split_once("::").unwrap_or_else(local);
    info_span!(
        target: TARGET,
        "embeddings",
        otel.name = format_args!("embeddings {model}"),
        otel.kind = "client",
        otel.status_code = Empty,
        error.type = Empty,
        gen_ai.operation.name = "embeddings",
        gen_ai.provider.name = provider(provider_name),
        gen_ai.request.model = model,
    )
}

/// Records a model's or assistant's answer.
pub(crate) fn answered(span: &Span, reason: Option<FinishReason>, usage: Option<Usage>) {
    let reason = reason.map(FinishReason::as_str);
    span.record("gen_ai.response.finish_reasons", reason);
    span.record(
        "gen_ai.usage.input_tokens",
        usage.map(|usage| count(usage.input_tokens)),
    );
    span.record(
        "gen_ai.usage.output_tokens",
        usage.map(|usage| count(usage.output_tokens)),
    );
}

pub(crate) fn failed(span: &Span, kind: &str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "error");
}

pub(crate) fn ended(span: &Span, run: &Run) {
    answered(span, run.finish_reason, run.usage);
    span.record(
        "colloquy.run.cache",
        run.cache.map(|cache| cache.hit.as_str()),
    );
    if let Some(error) = &run.error {
        failed(span, error.code.as_str());
    }
}

pub(crate) fn is_run(span: &Span, run: &Run) {
    span.record("colloquy.run.id", display(run.id));
}

/// The provider's name in the conventions, if any.
fn provider(name: &str) -> &str {
    match name {
        "gemini" => "gcp.gemini",
        "mistral" => "mistral_ai",
        other => other,
    }
}

/// Span attributes are signed.
fn count(tokens: u64) -> i64 {
    i64::try_from(tokens).unwrap_or(i64::MAX)
}
