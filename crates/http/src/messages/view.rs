//! A message in responses.

use colloquy_domain::{AnsweredCall, Message, MessageKind, MessageStatus};
use colloquy_web::schema;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

/// A message in a thread.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct MessageView {
    /// ID.
    id: Uuid,
    /// Its thread.
    thread_id: Uuid,
    #[serde(rename = "type")]
    #[schema(schema_with = kinds)]
    kind: &'static str,
    /// Text.
    content: String,
    #[schema(schema_with = statuses)]
    status: &'static str,
    /// The assistant's reasoning, if requested and available.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reasoning: Option<String>,
    /// The answered tool call; on messages of type `tool` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ToolCallView, required = false)]
    tool_call: Option<ToolCallView>,
    /// Its run.
    #[schema(required = true)]
    run_id: Option<Uuid>,
    /// The assistant it was sent to or comes from.
    #[schema(required = true)]
    assistant_id: Option<Uuid>,
    /// Time of acceptance.
    created_at: Timestamp,
}

/// An answered tool call.
#[derive(Serialize, ToSchema)]
#[schema(as = ToolCall)]
struct ToolCallView {
    /// Unique within the run.
    id: String,
    /// The tool's name as the model wrote it.
    name: String,
    /// Arguments as the model wrote them; normally JSON.
    arguments: String,
    /// Whether the call failed; `content` is then the error.
    is_error: bool,
}

impl From<AnsweredCall> for ToolCallView {
    fn from(answered: AnsweredCall) -> Self {
        Self {
            id: answered.call.id,
            name: answered.call.name,
            arguments: answered.call.arguments,
            is_error: answered.is_error,
        }
    }
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        Self {
            id: message.id.as_uuid(),
            thread_id: message.thread_id.as_uuid(),
            kind: message.kind.as_str(),
            content: message.content,
            reasoning: None,
            status: message.status.as_str(),
            tool_call: message.tool_call.map(|call| (*call).into()),
            run_id: message.run_id.map(colloquy_domain::RunId::as_uuid),
            assistant_id: message
                .assistant_id
                .map(colloquy_domain::AssistantId::as_uuid),
            created_at: message.created_at.into(),
        }
    }
}

impl MessageView {
    pub(super) fn with_reasoning(self, reasoning: Option<String>) -> Self {
        Self { reasoning, ..self }
    }
}

fn kinds() -> ObjectBuilder {
    schema::one_of(MessageKind::ALL.iter().map(|kind| kind.as_str()))
        .description(Some("The author."))
}

fn statuses() -> ObjectBuilder {
    schema::one_of(MessageStatus::ALL.iter().map(|status| status.as_str())).description(Some(
        "`incomplete` if the run failed or a limit or filter cut the answer off.",
    ))
}
