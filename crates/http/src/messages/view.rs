//! A message in responses.

use colloquy_domain::{AnsweredCall, Message, MessageKind, MessageStatus};
use colloquy_web::schema;
use colloquy_web::timestamp::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

/// One utterance in a thread.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct MessageView {
    /// The message's id.
    id: Uuid,
    /// The thread it stands in.
    thread_id: Uuid,
    #[serde(rename = "type")]
    #[schema(schema_with = kinds)]
    kind: &'static str,
    /// What is said.
    content: String,
    #[schema(schema_with = statuses)]
    status: &'static str,
    /// What the assistant thought before it said that, where it did and that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false)]
    reasoning: Option<String>,
    /// The call that a tool's message answers; on those only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = ToolCallView, required = false)]
    tool_call: Option<ToolCallView>,
    /// The run that it belongs to.
    #[schema(required = true)]
    run_id: Option<Uuid>,
    /// The assistant that it was sent to, or that speaks.
    #[schema(required = true)]
    assistant_id: Option<Uuid>,
    /// When it was accepted.
    created_at: Timestamp,
}

/// A call of a tool that was answered.
#[derive(Serialize, ToSchema)]
#[schema(as = ToolCall)]
struct ToolCallView {
    /// Tells the calls of a run apart.
    id: String,
    /// The tool, as the model named it.
    name: String,
    /// What the model handed over: JSON, if it kept to that.
    arguments: String,
    /// Whether the content says what went wrong.
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
        .description(Some("Who speaks."))
}

fn statuses() -> ObjectBuilder {
    schema::one_of(MessageStatus::ALL.iter().map(|status| status.as_str())).description(Some(
        "`incomplete` when the run failed, or a limit or a filter cut the answer.",
    ))
}
