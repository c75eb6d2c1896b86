use axum::response::sse::Event;
use colloquy_domain::{Run, RunEvent, RunEventKind, RunStatus};
use colloquy_web::schema;
use serde::Serialize;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Discriminator, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use super::output::OutputView;
use super::view::{RunErrorView, RunView};
use crate::messages::MessageView;

/// Declares the events with their names and their data.
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
        pub(super) enum RunEventView { $($data($data),)+ }

        impl RunEventView {
            /// What the event is called.
            pub(super) const fn name(&self) -> &'static str {
                match self { $(Self::$data(_) => $name,)+ }
            }
        }

        /// An event as it is sent.
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
                    .description(Some("Something that happened in a run."))
                    .into()
            }
        }
    };
}

events! {
    /// The message and the run are saved.
    RunStarted = "run.started" {
        /// The run, in progress.
        run: RunView,
        /// The message that it answers.
        message: MessageView,
    }
    /// The assistant says some more.
    MessageDelta = "message.delta" {
        /// The message that it belongs to.
        message_id: Uuid,
        /// What is to be added to it.
        text: String,
    }
    /// The assistant begins to use a tool.
    ToolCalled = "tool.called" {
        /// Tells the calls of a run apart.
        tool_call_id: String,
        /// The tool, as the model named it.
        name: String,
        /// What the model hands over: JSON, if it kept to that.
        arguments: String,
    }
    /// The tool has answered, or could not be used.
    ToolReturned = "tool.returned" {
        /// The call that this answers.
        tool_call_id: String,
        /// The tool, as the model named it.
        name: String,
        /// What the tool says, or what went wrong.
        content: String,
        /// Whether something went wrong.
        is_error: bool,
    }
    /// A message of the assistant is saved, whole or as far as it came.
    MessageCompleted = "message.completed" {
        /// The message as it stands in the thread.
        message: MessageView,
    }
    /// The run has ended with an answer; the last event.
    RunCompleted = "run.completed" {
        /// The run as it ended.
        run: RunView,
        /// The answer.
        output: OutputView,
    }
    /// The run has failed; the last event.
    RunFailed = "run.failed" {
        /// The run as it ended.
        run: RunView,
        /// Why.
        error: RunErrorView,
    }
    /// Somebody has ended the run; the last event.
    RunCancelled = "run.cancelled" {
        /// The run as it ended.
        run: RunView,
    }
}

impl RunEventView {
    /// What clients see of the event; nothing of those that they are not told.
    fn from_kind(kind: RunEventKind) -> Option<Self> {
        match kind {
            RunEventKind::Started { run, message } => Some(Self::RunStarted(RunStarted {
                run: (*run).into(),
                message: (*message).into(),
            })),
            RunEventKind::MessageDelta { message_id, text } => {
                Some(Self::MessageDelta(MessageDelta {
                    message_id: message_id.as_uuid(),
                    text,
                }))
            }
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
            RunEventKind::Ended { run, output } => Self::end(*run, output),
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
            _ => None,
        }
    }
}

/// What the document calls an event with that data.
fn frame_name(data: &str) -> String {
    format!("{data}Event")
}

/// An event of that name, with data of that schema.
fn frame_schema(name: &str, data: std::borrow::Cow<'_, str>) -> ObjectBuilder {
    let data = schema::string()
        .content_media_type("application/json")
        .content_schema(Some(Ref::from_schema_name(data)));
    let number = schema::string().description(Some("The event's number in the run, from 1."));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("id", number)
        .property("event", schema::one_of([name]))
        .property("data", data)
        .required("id")
        .required("event")
        .required("data")
}

/// The event on the wire. Its data is JSON in one line, whatever the model has said.
pub(crate) fn frame(event: RunEvent) -> Option<Result<Event, axum::Error>> {
    let view = RunEventView::from_kind(event.kind)?;
    let frame = Event::default()
        .id(event.number.to_string())
        .event(view.name());
    Some(frame.json_data(view))
}
