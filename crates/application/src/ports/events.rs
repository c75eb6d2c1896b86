use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{MessageId, MessageKind, MessageStatus, Run, RunEvent, RunEventKind, RunId};

use super::{InstanceId, NewMessage, PortError};

/// Keeps the event logs of runs. Their first events are written by
/// [`RunRepository::start`](super::RunRepository::start), their last ones by its other methods;
/// between them this one takes what happens meanwhile.
#[async_trait]
pub trait RunEventRepository: Send + Sync {
    /// Adds these events to the logs of their runs, all in one transaction. What belongs to a
    /// run that is not in progress under `holder` is left out, as are events whose numbers its
    /// log has already: a call whose outcome is unknown may be repeated. The others follow those
    /// that the log has. A message that they call completed is stored.
    async fn append(&self, holder: InstanceId, events: &[RunEvents]) -> Result<(), PortError>;

    /// Events of the run with numbers greater than `after`, in order of number: about `limit` at
    /// the most, but at least one if there is any. What they tell of the run's user and of
    /// messages is what is still there of them. A run that is not there has none.
    async fn list(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunEvent>, PortError>;
}

/// Consecutive events of one run, in order of number.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvents {
    /// Which run.
    pub run_id: RunId,
    /// What happened.
    pub events: Vec<RunEvent>,
}

/// What a run's log has of messages that were not completed, to be stored as such when somebody
/// else than its holder ends the run.
#[must_use]
pub fn unfinished_messages(
    run: &Run,
    log: &[RunEvent],
    created_at: DateTime<Utc>,
) -> Vec<NewMessage> {
    let mut messages: Vec<NewMessage> = Vec::new();
    for event in log {
        match &event.kind {
            RunEventKind::MessageDelta { message_id, text } => {
                match messages
                    .iter_mut()
                    .find(|message| message.id == *message_id)
                {
                    Some(message) => message.content.push_str(text),
                    None => messages.push(unfinished(run, *message_id, text, created_at)),
                }
            }
            RunEventKind::MessageCompleted { message } => {
                messages.retain(|unfinished| unfinished.id != message.id);
            }
            _ => {}
        }
    }
    messages
}

fn unfinished(run: &Run, id: MessageId, text: &str, created_at: DateTime<Utc>) -> NewMessage {
    NewMessage {
        id,
        kind: MessageKind::Ai,
        content: text.to_owned(),
        status: MessageStatus::Incomplete,
        assistant_id: Some(run.assistant_id),
        created_at,
    }
}
