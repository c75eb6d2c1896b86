//! JSON of run events, for members without a column.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use colloquy_application::ports::PortError;
use colloquy_domain::{
    CallExecutor, FinishReason, MessageId, ModelName, RequestedCall, RunAction, RunEventKind,
    ToolCall, Usage,
};
use sea_orm::entity::prelude::Uuid;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Data<'a> {
    UtteranceBegan {
        round: u32,
    },
    UtteranceDiscarded {
        complaint: Cow<'a, str>,
    },
    ToolsRequested {
        round: u32,
        calls: Vec<Call<'a>>,
    },
    ModelCalled {
        depth: u32,
        model: Cow<'a, str>,
        finish_reason: Option<Cow<'a, str>>,
        /// Input and output tokens.
        usage: Option<(u64, u64)>,
    },
    Paused {
        action: Cow<'a, str>,
        until: DateTime<Utc>,
    },
}

#[derive(Serialize, Deserialize)]
struct Call<'a> {
    message_id: Uuid,
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<Cow<'a, str>>,
    by: Cow<'a, str>,
}

pub(super) fn written(event: &RunEventKind) -> Result<String, PortError> {
    let data = match event {
        RunEventKind::UtteranceBegan { round, .. } => Data::UtteranceBegan { round: *round },
        RunEventKind::UtteranceDiscarded { complaint, .. } => Data::UtteranceDiscarded {
            complaint: Cow::Borrowed(complaint),
        },
        RunEventKind::ToolsRequested { round, calls } => Data::ToolsRequested {
            round: *round,
            calls: calls.iter().map(Call::of).collect(),
        },
        RunEventKind::ModelCalled {
            depth,
            model,
            finish_reason,
            usage,
        } => Data::ModelCalled {
            depth: *depth,
            model: Cow::Borrowed(model.as_str()),
            finish_reason: finish_reason.map(|reason| Cow::Borrowed(reason.as_str())),
            usage: usage.map(|it| (it.input_tokens, it.output_tokens)),
        },
        RunEventKind::Paused { action, until } => Data::Paused {
            action: Cow::Borrowed(action.as_str()),
            until: *until,
        },
        _ => return Err(PortError::other("the event has no data")),
    };
    serde_json::to_string(&data).map_err(PortError::other)
}

pub(super) fn read(data: &str, message_id: MessageId) -> Result<RunEventKind, PortError> {
    let data: Data<'_> = serde_json::from_str(data).map_err(PortError::other)?;
    Ok(match data {
        Data::UtteranceBegan { round } => RunEventKind::UtteranceBegan { message_id, round },
        Data::UtteranceDiscarded { complaint } => RunEventKind::UtteranceDiscarded {
            message_id,
            complaint: complaint.into_owned(),
        },
        Data::ToolsRequested { round, calls } => RunEventKind::ToolsRequested {
            round,
            calls: calls
                .into_iter()
                .map(Call::read)
                .collect::<Result<_, _>>()?,
        },
        Data::ModelCalled {
            depth,
            model,
            finish_reason,
            usage,
        } => RunEventKind::ModelCalled {
            depth,
            model: ModelName::parse(model.into_owned()).map_err(PortError::other)?,
            finish_reason: finish_reason
                .map(|it| named(&it, FinishReason::from_name))
                .transpose()?,
            usage: usage.map(|(input_tokens, output_tokens)| Usage {
                input_tokens,
                output_tokens,
            }),
        },
        Data::Paused { action, until } => RunEventKind::Paused {
            action: named(&action, RunAction::from_name)?,
            until,
        },
    })
}

/// The data of requested calls without the one that the message answers.
pub(crate) fn without_call(data: &str, message: MessageId) -> Result<String, serde_json::Error> {
    let mut data: Data<'_> = serde_json::from_str(data)?;
    if let Data::ToolsRequested { calls, .. } = &mut data {
        calls.retain(|call| call.message_id != message.as_uuid());
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
        }
    }

    fn read(self) -> Result<RequestedCall, PortError> {
        Ok(RequestedCall {
            message_id: MessageId::from_uuid(self.message_id),
            by: named(&self.by, CallExecutor::from_name)?,
            call: ToolCall {
                id: self.id.into_owned(),
                name: self.name.into_owned(),
                arguments: self.arguments.into_owned(),
                signature: self.signature.map(Cow::into_owned),
            },
        })
    }
}

fn named<T>(name: &str, read: fn(&str) -> Option<T>) -> Result<T, PortError> {
    read(name).ok_or_else(|| PortError::other(format!("unknown name {name:?}")))
}
