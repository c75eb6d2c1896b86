//! JSON of run events, for members without a column.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use colloquy_application::ports::PortError;
use colloquy_domain::{
    CallExecutor, FinishReason, MessageId, ModelName, RequestedCall, RequiredAction, Run,
    RunEventKind, RunStatus, ToolCall, Usage,
};
use sea_orm::entity::prelude::Uuid;
use serde::{Deserialize, Serialize};

use super::required_action::StoredAction;

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Data<'a> {
    UtteranceBegan {
        round: u32,
    },
    UtteranceDiscarded {
        complaint: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "str::is_empty")]
        text: Cow<'a, str>,
    },
    ToolsRequested {
        round: u32,
        #[serde(default)]
        message_id: Option<Uuid>,
        calls: Vec<Call<'a>>,
    },
    ModelCalled {
        depth: u32,
        #[serde(default)]
        round: u32,
        model: Cow<'a, str>,
        finish_reason: Option<Cow<'a, str>>,
        usage: Option<Tokens>,
    },
    Paused {
        action: StoredAction<'a>,
        until: Option<DateTime<Utc>>,
        usage: Option<Tokens>,
    },
    Resumed {
        part: u32,
        usage: Option<Tokens>,
        approved: Vec<Uuid>,
    },
}

/// Input and output tokens.
type Tokens = (u64, u64);

#[derive(Serialize, Deserialize)]
struct Call<'a> {
    message_id: Uuid,
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<Cow<'a, str>>,
    by: Cow<'a, str>,
    #[serde(default)]
    needs_approval: bool,
}

pub(super) fn written(event: &RunEventKind) -> Result<String, PortError> {
    let data = match event {
        RunEventKind::UtteranceBegan { round, .. } => Data::UtteranceBegan { round: *round },
        RunEventKind::UtteranceDiscarded {
            complaint, text, ..
        } => Data::UtteranceDiscarded {
            complaint: Cow::Borrowed(complaint),
            text: Cow::Borrowed(text),
        },
        RunEventKind::ToolsRequested {
            round,
            message_id,
            calls,
        } => Data::ToolsRequested {
            round: *round,
            message_id: message_id.map(MessageId::as_uuid),
            calls: calls.iter().map(Call::of).collect(),
        },
        RunEventKind::ModelCalled {
            depth,
            round,
            model,
            finish_reason,
            usage,
        } => Data::ModelCalled {
            depth: *depth,
            round: *round,
            model: Cow::Borrowed(model.as_str()),
            finish_reason: finish_reason.map(|reason| Cow::Borrowed(reason.as_str())),
            usage: usage.map(tokens),
        },
        RunEventKind::Paused { run } => Data::Paused {
            action: run
                .required_action
                .as_deref()
                .map(StoredAction::of)
                .ok_or_else(no_action)?,
            until: run.expires_at,
            usage: run.usage.map(tokens),
        },
        RunEventKind::Resumed {
            run,
            part,
            approved,
        } => Data::Resumed {
            part: *part,
            usage: run.usage.map(tokens),
            approved: approved.iter().map(|id| id.as_uuid()).collect(),
        },
        _ => return Err(PortError::other("the event has no data")),
    };
    serde_json::to_string(&data).map_err(PortError::other)
}

/// The event with that data, message and run; `None` if its run is gone.
pub(super) fn read(
    data: &str,
    message_id: MessageId,
    run: Option<&Run>,
) -> Result<Option<RunEventKind>, PortError> {
    let data: Data<'_> = serde_json::from_str(data).map_err(PortError::other)?;
    Ok(Some(match data {
        Data::UtteranceBegan { round } => RunEventKind::UtteranceBegan { message_id, round },
        Data::UtteranceDiscarded { complaint, text } => RunEventKind::UtteranceDiscarded {
            message_id,
            complaint: complaint.into_owned(),
            text: text.into_owned(),
        },
        Data::ToolsRequested {
            round,
            message_id,
            calls,
        } => RunEventKind::ToolsRequested {
            round,
            message_id: message_id.map(MessageId::from_uuid),
            calls: calls
                .into_iter()
                .map(Call::read)
                .collect::<Result<_, _>>()?,
        },
        Data::ModelCalled {
            depth,
            round,
            model,
            finish_reason,
            usage,
        } => RunEventKind::ModelCalled {
            depth,
            round,
            model: ModelName::parse(model.into_owned()).map_err(PortError::other)?,
            finish_reason: finish_reason
                .map(|it| named(&it, FinishReason::from_name))
                .transpose()?,
            usage: usage.map(counted),
        },
        Data::Paused {
            action,
            until,
            usage,
        } => {
            let Some(run) = run else { return Ok(None) };
            let action = action.read()?;
            RunEventKind::Paused {
                run: Box::new(paused(run, action, until, usage.map(counted))),
            }
        }
        Data::Resumed {
            part,
            usage,
            approved,
        } => {
            let Some(run) = run else { return Ok(None) };
            RunEventKind::Resumed {
                run: Box::new(in_progress(run, usage.map(counted))),
                part,
                approved: approved.into_iter().map(MessageId::from_uuid).collect(),
            }
        }
    }))
}

/// The run while in progress, without its end.
pub(super) fn in_progress(run: &Run, usage: Option<Usage>) -> Run {
    Run {
        status: RunStatus::InProgress,
        finish_reason: None,
        error: None,
        usage,
        cache: None,
        expires_at: None,
        required_action: None,
        finished_at: None,
        ..run.clone()
    }
}

/// The run while paused.
fn paused(
    run: &Run,
    action: RequiredAction,
    until: Option<DateTime<Utc>>,
    usage: Option<Usage>,
) -> Run {
    Run {
        status: RunStatus::RequiresAction,
        expires_at: until,
        required_action: Some(Box::new(action)),
        ..in_progress(run, usage)
    }
}

fn no_action() -> PortError {
    PortError::other("a pause without an action")
}

const fn tokens(usage: Usage) -> Tokens {
    (usage.input_tokens, usage.output_tokens)
}

const fn counted((input_tokens, output_tokens): Tokens) -> Usage {
    Usage {
        input_tokens,
        output_tokens,
    }
}

/// The data of requested or open calls without the one that the message answers.
pub(crate) fn without_call(data: &str, message: MessageId) -> Result<String, serde_json::Error> {
    let mut data: Data<'_> = serde_json::from_str(data)?;
    match &mut data {
        Data::ToolsRequested { calls, .. } => {
            calls.retain(|call| call.message_id != message.as_uuid());
        }
        Data::Paused { action, .. } => action.remove(message),
        _ => {}
    }
    serde_json::to_string(&data)
}

impl<'a> Call<'a> {
    fn of(requested: &'a RequestedCall) -> Self {
        let call = &requested.call;
        Self {
            message_id: requested.message_id.as_uuid(),
            id: Cow::Borrowed(&call.id),
            name: Cow::Borrowed(&call.name),
            arguments: Cow::Borrowed(&call.arguments),
            signature: call.signature.as_deref().map(Cow::Borrowed),
            by: Cow::Borrowed(requested.by.as_str()),
            needs_approval: requested.needs_approval,
        }
    }

    fn read(self) -> Result<RequestedCall, PortError> {
        Ok(RequestedCall {
            message_id: MessageId::from_uuid(self.message_id),
            by: named(&self.by, CallExecutor::from_name)?,
            needs_approval: self.needs_approval,
            call: ToolCall {
                id: self.id.into_owned(),
                name: self.name.into_owned(),
                arguments: self.arguments.into_owned(),
                signature: self.signature.map(Cow::into_owned),
            },
        })
    }
}

pub(super) fn named<T>(name: &str, read: fn(&str) -> Option<T>) -> Result<T, PortError> {
    read(name).ok_or_else(|| PortError::other(format!("unknown name {name:?}")))
}
