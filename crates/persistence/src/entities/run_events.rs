use std::collections::HashMap;

use colloquy_application::ports::{NewMessage, PortError};
use colloquy_domain::{
    Message, MessageId, MessageKind, Run, RunEvent, RunEventKind, RunId, RunStatus,
};
use sea_orm::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::ExprTrait as _;

use super::tools;
use crate::error::Row;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "run_events")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    pub first_number: i64,
    #[sea_orm(primary_key, auto_increment = false)]
    pub last_number: i64,
    pub kind: String,
    pub message_id: Option<Uuid>,
    pub texts: Option<String>,
    pub tool: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

/// How many bytes of text the events of the row have, with those of the message that they tell.
pub(crate) fn told_bytes() -> Expr {
    let told = format!(
        "CASE WHEN kind IN ('{STARTED}', '{COMPLETED}', '{ENDED}') THEN coalesce(
            (SELECT octet_length(content) FROM messages WHERE messages.id = message_id), 0)
        ELSE 0 END"
    );
    bytes().add(Expr::cust(told))
}

/// How many bytes of text the row has.
pub(crate) fn bytes() -> Expr {
    Expr::cust("CAST(coalesce(octet_length(texts), 0) AS bigint) + coalesce(octet_length(tool), 0)")
}

const STARTED: &str = "started";
const DELTAS: &str = "deltas";
const TOOL_CALLED: &str = "tool_called";
const TOOL_RETURNED: &str = "tool_returned";
const COMPLETED: &str = "message_completed";
pub(crate) const ENDED: &str = "ended";

/// The number of the event that every log begins with.
pub(crate) const FIRST: u64 = 1;

/// A row that is being put together.
struct Stretch {
    first: u64,
    last: u64,
    kind: &'static str,
    message: Option<MessageId>,
    texts: Vec<String>,
    tool: Option<String>,
}

/// The rows of consecutive events. An end names the message that its output comes from, which is
/// the one completed before it.
pub(crate) fn rows(run: RunId, events: &[RunEvent]) -> Result<Vec<ActiveModel>, PortError> {
    let mut stretches: Vec<Stretch> = Vec::new();
    let mut completed = None;
    for RunEvent { number, kind } in events {
        let mut tool = None;
        let (kind, message, text) = match kind {
            RunEventKind::Started { message, .. } => (STARTED, Some(message.id), None),
            RunEventKind::MessageDelta { message_id, text } => {
                (DELTAS, Some(*message_id), Some(text))
            }
            RunEventKind::ToolCalled { message_id, call } => {
                tool = Some(tools::written_call(call)?);
                (TOOL_CALLED, Some(*message_id), None)
            }
            RunEventKind::ToolReturned { message_id, result } => {
                tool = Some(tools::written_result(result)?);
                (TOOL_RETURNED, Some(*message_id), None)
            }
            RunEventKind::MessageCompleted { message } => {
                completed = Some(message.id);
                (COMPLETED, completed, None)
            }
            RunEventKind::Ended { output, .. } => {
                (ENDED, completed.filter(|_| output.is_some()), None)
            }
            _ => return Err(PortError::other("a run event unknown to this store")),
        };
        match (stretches.last_mut(), text) {
            (Some(last), Some(text)) if last.takes(message) => {
                last.last = *number;
                last.texts.push(text.clone());
            }
            _ => stretches.push(Stretch {
                first: *number,
                last: *number,
                kind,
                message,
                texts: text.into_iter().cloned().collect(),
                tool,
            }),
        }
    }
    let rows = stretches.into_iter();
    rows.map(|stretch| stretch.row(run)).collect()
}

/// The row of the event that every log begins with; `message` is what the run answers.
pub(crate) fn first(run: RunId, message: MessageId) -> Result<ActiveModel, PortError> {
    Stretch::about(FIRST, STARTED, Some(message)).row(run)
}

/// The rows of the events that close a log behind number `last`: see
/// [`FinishedRun::closing_events`](colloquy_application::ports::FinishedRun::closing_events).
pub(crate) fn closing(
    run: RunId,
    status: RunStatus,
    messages: &[NewMessage],
    last: u64,
) -> Result<Vec<ActiveModel>, PortError> {
    let told = messages.iter().filter(|it| it.kind != MessageKind::Tool);
    let completed: Vec<_> = told.map(|message| (COMPLETED, Some(message.id))).collect();
    let output = completed.last().and_then(|(_, message)| *message);
    let output = output.filter(|_| status == RunStatus::Completed);
    let rows = completed.into_iter().chain([(ENDED, output)]);
    (last + 1..)
        .zip(rows)
        .map(|(number, (kind, message))| Stretch::about(number, kind, message).row(run))
        .collect()
}

/// The most events of a row: it is read as a whole.
const MAX_EVENTS: usize = 1_000;
/// The bytes of text from which on a row takes no more events.
const FULL_BYTES: usize = 64 * 1024;

impl Stretch {
    /// Whether the row has room for another delta of that message.
    fn takes(&self, message: Option<MessageId>) -> bool {
        let has_room = || {
            let bytes: usize = self.texts.iter().map(String::len).sum();
            self.texts.len() < MAX_EVENTS && bytes < FULL_BYTES
        };
        self.kind == DELTAS && self.message == message && has_room()
    }

    /// An event of which the row says only what it is about.
    const fn about(number: u64, kind: &'static str, message: Option<MessageId>) -> Self {
        Self {
            first: number,
            last: number,
            kind,
            message,
            texts: Vec::new(),
            tool: None,
        }
    }

    fn row(self, run: RunId) -> Result<ActiveModel, PortError> {
        let texts = match self.kind {
            DELTAS => Some(serde_json::to_string(&self.texts).map_err(PortError::other)?),
            _ => None,
        };
        Ok(ActiveModel {
            run_id: Set(run.as_uuid()),
            first_number: Set(i64::try_from(self.first).map_err(PortError::other)?),
            last_number: Set(i64::try_from(self.last).map_err(PortError::other)?),
            kind: Set(self.kind.to_owned()),
            message_id: Set(self.message.map(MessageId::as_uuid)),
            texts: Set(texts),
            tool: Set(self.tool),
        })
    }
}

/// What the rows of a log refer to, as far as it is still there.
#[derive(Default)]
pub(crate) struct Subjects {
    pub(crate) run: Option<Run>,
    pub(crate) messages: HashMap<MessageId, Message>,
}

impl Model {
    /// Whether the row says only which run and message it is about.
    pub(crate) fn refers(&self) -> bool {
        self.texts.is_none() && self.tool.is_none()
    }

    /// The events of the row; none when what they are about is gone.
    pub(crate) fn events(self, subjects: &Subjects) -> Result<Vec<RunEvent>, PortError> {
        let row = Row {
            table: "run_events",
            id: self.run_id,
        };
        let first = row.column("first_number", u64::try_from(self.first_number))?;
        let message_id = self.message_id.map(MessageId::from_uuid);
        let message = message_id.and_then(|id| subjects.messages.get(&id));
        let run = subjects.run.as_ref();
        let tool = self.tool.as_deref().unwrap_or_default();
        let kind = match self.kind.as_str() {
            DELTAS => return self.deltas(&row, first),
            STARTED => run.zip(message).map(|(run, message)| started(run, message)),
            TOOL_CALLED => Some(RunEventKind::ToolCalled {
                message_id: row.column("message_id", message_id.ok_or("missing"))?,
                call: row.column("tool", tools::read_call(tool))?,
            }),
            TOOL_RETURNED => Some(RunEventKind::ToolReturned {
                message_id: row.column("message_id", message_id.ok_or("missing"))?,
                result: row.column("tool", tools::read_result(tool))?,
            }),
            COMPLETED => message.map(|message| RunEventKind::MessageCompleted {
                message: Box::new(message.clone()),
            }),
            ENDED => run.map(|run| RunEventKind::Ended {
                run: Box::new(run.clone()),
                output: message.map(|message| message.content.clone()),
            }),
            other => return row.column("kind", Err(format!("unknown word {other:?}"))),
        };
        let event = kind.map(|kind| RunEvent {
            number: first,
            kind,
        });
        Ok(event.into_iter().collect())
    }

    fn deltas(self, row: &Row, first: u64) -> Result<Vec<RunEvent>, PortError> {
        let message_id = row.column("message_id", self.message_id.ok_or("missing"))?;
        let texts = row.column("texts", self.texts.ok_or("missing"))?;
        let texts: Vec<String> = row.column("texts", serde_json::from_str(&texts))?;
        let count = self.last_number.abs_diff(self.first_number) + 1;
        if texts.len() as u64 != count {
            return row.column("texts", Err(format!("{} of {count}", texts.len())));
        }
        let events = (first..).zip(texts).map(|(number, text)| RunEvent {
            number,
            kind: RunEventKind::MessageDelta {
                message_id: MessageId::from_uuid(message_id),
                text,
            },
        });
        Ok(events.collect())
    }
}

/// The run as it was then: what its end has added is taken away.
fn started(run: &Run, message: &Message) -> RunEventKind {
    RunEventKind::Started {
        run: Box::new(Run {
            status: RunStatus::InProgress,
            finish_reason: None,
            error: None,
            usage: None,
            cache: None,
            finished_at: None,
            ..run.clone()
        }),
        message: Box::new(message.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(number: u64, message: MessageId) -> RunEvent {
        let text = number.to_string();
        let kind = RunEventKind::MessageDelta {
            message_id: message,
            text,
        };
        RunEvent { number, kind }
    }

    #[test]
    fn consecutive_deltas_of_one_message_are_one_row() {
        let [run, one, other] = [1, 2, 3].map(Uuid::from_u128);
        let (one, other) = (MessageId::from_uuid(one), MessageId::from_uuid(other));
        let messages = [one, one, one, other, other, one];
        let events: Vec<_> = (5..).zip(messages).map(|it| delta(it.0, it.1)).collect();
        let rows = rows(RunId::from_uuid(run), &events).unwrap();
        let stretches = rows.into_iter().map(|row| {
            let texts = row.texts.unwrap().unwrap();
            (row.first_number.unwrap(), row.last_number.unwrap(), texts)
        });
        let expected = [
            (5, 7, r#"["5","6","7"]"#.to_owned()),
            (8, 9, r#"["8","9"]"#.to_owned()),
            (10, 10, r#"["10"]"#.to_owned()),
        ];
        assert_eq!(stretches.collect::<Vec<_>>(), expected);
    }
}
