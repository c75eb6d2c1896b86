//! Run events as clients see them.

use axum::response::sse::Event;
use colloquy_domain::{
    CallExecutor, ContentPart, MessageId, RequestedCall, Run, RunEvent, RunEventKind, RunStatus,
};
use colloquy_web::schema;
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Discriminator, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::output::OutputView;
use super::view::{RequiredActionView, RunErrorView, RunView, UsageView};
use crate::messages::MessageView;

/// Declares the events with their names and data.
macro_rules! events {
    ($($(#[$doc:meta])* $data:ident = $name:literal {
        $($(#[$member_doc:meta])* $member:ident: $type:ty,)+
    })+) => {
        $(
            $(#[$doc])*
            #[derive(Serialize, ToSchema)]
            pub(super) struct $data { $($(#[$member_doc])* $member: $type,)+ }
        )+

        /// The data of an event.
        #[derive(Serialize)]
        #[serde(untagged)]
        #[expect(
            clippy::large_enum_variant,
            reason = "views are written out at once, one at a time"
        )]
        pub(super) enum RunEventView { $($data($data),)+ }

        impl RunEventView {
            /// The event's name.
            pub(super) const fn name(&self) -> &'static str {
                match self { $(Self::$data(_) => $name,)+ }
            }
        }

        /// Schema of an event in a stream.
        pub(crate) struct RunEventFrame;

        impl ToSchema for RunEventFrame {
            fn name() -> std::borrow::Cow<'static, str> {
                "RunEvent".into()
            }

            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                $(
                    schemas.push(($data::name().into_owned(), $data::schema()));
                    $data::schemas(schemas);
                    let event = frame_schema($name, $data::name()).into();
                    schemas.push((frame_name(&$data::name()), event));
                )+
            }
        }

        impl PartialSchema for RunEventFrame {
            fn schema() -> RefOr<Schema> {
                let mut kinds = Discriminator::new("event");
                $(
                    let schema = Ref::from_schema_name(frame_name(&$data::name()));
                    kinds.mapping.insert($name.to_owned(), schema.ref_location);
                )+
                OneOfBuilder::new()
                    $(.item(Ref::from_schema_name(frame_name(&$data::name()))))+
                    .discriminator(Some(kinds))
                    .description(Some("A run event."))
                    .into()
            }
        }
    };
}

events! {
    /// Message and run were stored.
    RunStarted = "run.started" {
        /// The active run.
        run: RunView,
        /// The person's message that the run answers, if there is one.
        #[schema(schema_with = nullable_message, required = true)]
        message: Option<MessageView>,
        /// The messages that came with the run.
        messages: Vec<MessageView>,
    }
    /// More text of the assistant.
    MessageDelta = "message.delta" {
        /// Its message.
        message_id: Uuid,
        /// Text to append.
        text: String,
    }
    /// A model call has asked for tools. Told once per round, before any of them begins.
    ToolsRequested = "tools.requested" {
        /// Number of the model call within the run, starting at 1.
        round: u32,
        /// The message said before, if any.
        #[schema(required = true)]
        message_id: Option<Uuid>,
        /// The calls, in the model's order.
        calls: Vec<RequestedCallView>,
    }
    /// A model call ended.
    RoundEnded = "round.ended" {
        /// Its number within the run, starting at 1.
        round: u32,
        #[schema(schema_with = usage, required = true)]
        usage: Option<UsageView>,
    }
    /// The service carries out a tool call.
    ToolCalled = "tool.called" {
        /// Unique within the run.
        tool_call_id: String,
        /// The tool's name as the model wrote it.
        name: String,
        /// Arguments as the model wrote them; normally JSON.
        arguments: String,
    }
    /// A tool call ended, or its output was submitted.
    ToolReturned = "tool.returned" {
        /// The answered call.
        tool_call_id: String,
        /// The tool's name as the model wrote it.
        name: String,
        /// The tool's output or error.
        content: String,
        /// Whether the call failed.
        is_error: bool,
    }
    /// A message of the assistant was stored, complete or partial.
    MessageCompleted = "message.completed" {
        /// The stored message.
        message: MessageView,
    }
    /// The run paused: it needs something of the client. A stream ends here; one that resumes after
    /// this event waits until the run goes on.
    RunRequiresAction = "run.requires_action" {
        /// The paused run.
        run: RunView,
        /// What it waits for.
        required_action: RequiredActionView,
    }
    /// The run goes on.
    RunResumed = "run.resumed" {
        /// The active run.
        run: RunView,
        /// The part of the run that begins.
        part: RunPartView,
    }
    /// The run completed. Last event.
    RunCompleted = "run.completed" {
        /// The ended run.
        run: RunView,
        /// The answer.
        output: OutputView,
    }
    /// The run failed. Last event.
    RunFailed = "run.failed" {
        /// The ended run.
        run: RunView,
        /// The error.
        error: RunErrorView,
    }
    /// The run was cancelled. Last event.
    RunCancelled = "run.cancelled" {
        /// The ended run.
        run: RunView,
    }
    /// The run was paused, and nobody acted in time. Last event.
    RunExpired = "run.expired" {
        /// The ended run.
        run: RunView,
    }
}

/// A requested tool call.
#[derive(Serialize, ToSchema)]
#[schema(as = RequestedCall)]
pub(super) struct RequestedCallView {
    /// Unique within the run.
    tool_call_id: String,
    /// The message that its result is going to be.
    message_id: Uuid,
    /// The tool's name as the model wrote it.
    name: String,
    /// Arguments as the model wrote them; normally JSON.
    arguments: String,
    #[schema(schema_with = executors)]
    by: &'static str,
}

/// A part of a run. Parts are separated by pauses.
#[derive(Serialize, ToSchema)]
#[schema(as = RunPart)]
pub(super) struct RunPartView {
    /// Its number; the first one is 1.
    index: u32,
}

fn usage() -> Schema {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new()
        .item(null)
        .item(Ref::from_schema_name(UsageView::name()))
        .description(Some("Its token usage, if the provider reports it."))
        .build()
        .into()
}

fn executors() -> ObjectBuilder {
    schema::one_of(CallExecutor::ALL.iter().map(|by| by.as_str())).description(Some(
        "Who carries the call out: the service, or the client, for whom the run pauses.",
    ))
}

impl From<RequestedCall> for RequestedCallView {
    fn from(requested: RequestedCall) -> Self {
        Self {
            tool_call_id: requested.call.id,
            message_id: requested.message_id.as_uuid(),
            name: requested.call.name,
            arguments: requested.call.arguments,
            by: requested.by.as_str(),
        }
    }
}

fn nullable_message() -> Schema {
    let null: Schema = ObjectBuilder::new().schema_type(Type::Null).build().into();
    let message = Ref::from_schema_name(MessageView::name());
    OneOfBuilder::new().item(message).item(null).build().into()
}

impl RunEventView {
    fn started(kind: RunEventKind) -> Option<Self> {
        let question = kind.question().cloned();
        let RunEventKind::Started { run, messages, .. } = kind else {
            return None;
        };
        Some(Self::RunStarted(RunStarted {
            run: (*run).into(),
            message: question.map(MessageView::from),
            messages: messages.into_iter().map(MessageView::from).collect(),
        }))
    }

    /// The client's view of an event; `None` for internal ones.
    fn from_kind(kind: RunEventKind) -> Option<Self> {
        match kind {
            RunEventKind::Started { .. } => Self::started(kind),
            RunEventKind::MessageDelta {
                message_id,
                part: ContentPart::Text,
                text,
            } => Some(Self::MessageDelta(MessageDelta {
                message_id: message_id.as_uuid(),
                text,
            })),
            RunEventKind::ToolsRequested {
                round,
                message_id,
                calls,
            } => Some(Self::ToolsRequested(ToolsRequested {
                round,
                message_id: message_id.map(MessageId::as_uuid),
                calls: calls.into_iter().map(RequestedCallView::from).collect(),
            })),
            // Of the assistant itself, not of those that it asks as tools.
            RunEventKind::ModelCalled {
                depth: 0,
                round: round @ 1..,
                usage,
                ..
            } => Some(Self::RoundEnded(RoundEnded {
                round,
                usage: usage.map(UsageView::from),
            })),
            RunEventKind::ToolCalled { call, .. } => Some(Self::ToolCalled(ToolCalled {
                tool_call_id: call.id,
                name: call.name,
                arguments: call.arguments,
            })),
            RunEventKind::ToolReturned { result, .. } => Some(Self::ToolReturned(ToolReturned {
                tool_call_id: result.call_id,
                name: result.name,
                content: result.content,
                is_error: result.is_error,
            })),
            RunEventKind::MessageCompleted { message } => {
                Some(Self::MessageCompleted(MessageCompleted {
                    message: (*message).into(),
                }))
            }
            RunEventKind::Paused { run } => {
                let required_action = RequiredActionView::of(&run)?;
                let run = (*run).into();
                Some(Self::RunRequiresAction(RunRequiresAction {
                    run,
                    required_action,
                }))
            }
            RunEventKind::Resumed { run, part, .. } => Some(Self::RunResumed(RunResumed {
                run: (*run).into(),
                part: RunPartView { index: part },
            })),
            RunEventKind::Ended { run, output } => {
                Self::end(*run, output.map(|message| message.content))
            }
            _ => None,
        }
    }

    fn end(run: Run, output: Option<String>) -> Option<Self> {
        match run.status {
            RunStatus::Completed => Some(Self::RunCompleted(RunCompleted {
                output: OutputView::new(output.unwrap_or_default(), run.output_format),
                run: run.into(),
            })),
            RunStatus::Failed => {
                let error = run.error.clone()?.into();
                let run = run.into();
                Some(Self::RunFailed(RunFailed { run, error }))
            }
            RunStatus::Cancelled => Some(Self::RunCancelled(RunCancelled { run: run.into() })),
            RunStatus::Expired => Some(Self::RunExpired(RunExpired { run: run.into() })),
            _ => None,
        }
    }
}

/// Schema name of an event.
fn frame_name(data: &str) -> String {
    format!("{data}Event")
}

/// Schema of an event.
fn frame_schema(name: &str, data: std::borrow::Cow<'_, str>) -> ObjectBuilder {
    let data = schema::string()
        .content_media_type("application/json")
        .content_schema(Some(Ref::from_schema_name(data)));
    let number = schema::string().description(Some("Event number within the run, starting at 1."));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("id", number)
        .property("event", schema::one_of([name]))
        .property("data", data)
        .required("id")
        .required("event")
        .required("data")
}

/// The event as an SSE frame. Its data is one line of JSON, whatever the model wrote.
pub(crate) fn frame(event: RunEvent) -> Option<Result<Event, axum::Error>> {
    let view = RunEventView::from_kind(event.kind)?;
    let frame = Event::default()
        .id(event.number.to_string())
        .event(view.name());
    Some(frame.json_data(view))
}
