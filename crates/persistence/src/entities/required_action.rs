//! JSON of the action that a paused run waits for.

use std::borrow::Cow;

use colloquy_application::ports::PortError;
use colloquy_domain::{MessageId, OpenCall, RequiredAction, RunAction};
use sea_orm::entity::prelude::Uuid;
use serde::{Deserialize, Serialize};

use super::event_data::named;

#[derive(Serialize, Deserialize)]
pub(super) struct StoredAction<'a> {
    kind: Cow<'a, str>,
    calls: Vec<StoredCall<'a>>,
}

#[derive(Serialize, Deserialize)]
struct StoredCall<'a> {
    message_id: Uuid,
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    arguments: Cow<'a, str>,
}

impl<'a> StoredAction<'a> {
    pub(super) fn of(action: &'a RequiredAction) -> Self {
        Self {
            kind: Cow::Borrowed(action.kind.as_str()),
            calls: action.calls.iter().map(StoredCall::of).collect(),
        }
    }

    pub(super) fn read(self) -> Result<RequiredAction, PortError> {
        Ok(RequiredAction {
            kind: named(&self.kind, RunAction::from_name)?,
            calls: self.calls.into_iter().map(StoredCall::read).collect(),
        })
    }

    /// Removes the call that the message answers.
    pub(super) fn remove(&mut self, message: MessageId) {
        self.calls
            .retain(|call| call.message_id != message.as_uuid());
    }
}

impl<'a> StoredCall<'a> {
    fn of(call: &'a OpenCall) -> Self {
        Self {
            message_id: call.message_id.as_uuid(),
            id: Cow::Borrowed(&call.tool_call_id),
            name: Cow::Borrowed(&call.name),
            arguments: Cow::Borrowed(&call.arguments),
        }
    }

    fn read(self) -> OpenCall {
        OpenCall {
            message_id: MessageId::from_uuid(self.message_id),
            tool_call_id: self.id.into_owned(),
            name: self.name.into_owned(),
            arguments: self.arguments.into_owned(),
        }
    }
}

/// The action as stored.
pub(super) fn written(action: &RequiredAction) -> Result<String, PortError> {
    serde_json::to_string(&StoredAction::of(action)).map_err(PortError::other)
}

/// The stored action.
pub(super) fn read(json: &str) -> Result<RequiredAction, PortError> {
    let stored: StoredAction<'_> = serde_json::from_str(json).map_err(PortError::other)?;
    stored.read()
}
