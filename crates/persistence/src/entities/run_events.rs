//! Rows of `run_events`: one event each, or consecutive deltas of one part of a message.

use std::collections::HashMap;

use colloquy_application::ports::PortError;
use colloquy_domain::{ContentPart, Message, MessageId, Run, RunEvent, RunEventKind, RunId};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, Query};
use sea_orm::{IntoActiveModel as _, Set};

use super::{event_data, tools};
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
    pub data: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

/// Bytes of text of the row's events, including that of their message.
pub(crate) fn told_bytes() -> Expr {
    let message_bytes = format!(
        "CASE WHEN kind IN ('{STARTED}', '{COMPLETED}', '{ENDED}') THEN coalesce(
            (SELECT octet_length(content) FROM messages WHERE messages.id = message_id), 0)
        ELSE 0 END"
    );
    bytes().add(Expr::cust(message_bytes))
}

pub(crate) fn bytes() -> Expr {
    Expr::cust("CAST(coalesce(octet_length(texts), 0) AS bigint) + coalesce(octet_length(data), 0)")
}

pub(crate) const STARTED: &str = "started";
const UTTERANCE_BEGAN: &str = "utterance_began";
const DELTAS: &str = "deltas";
const REASONING: &str = "reasoning";
const UTTERANCE_DISCARDED: &str = "utterance_discarded";
pub(crate) const TOOLS_REQUESTED: &str = "tools_requested";
const TOOL_CALLED: &str = "tool_called";
const TOOL_RETURNED: &str = "tool_returned";
const MODEL_CALLED: &str = "model_called";
const COMPLETED: &str = "message_completed";
pub(crate) const PAUSED: &str = "paused";
const RESUMED: &str = "resumed";
pub(crate) const ENDED: &str = "ended";

pub(crate) const FIRST: u64 = 1;

/// Whether the run's log ends at that number.
pub(crate) fn ends_with(run: RunId, number: u64) -> Result<Expr, PortError> {
    let number = i64::try_from(number).map_err(PortError::other)?;
    let more = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(COLUMN.run_id.eq(run.as_uuid()))
        .and_where(COLUMN.last_number.gt(number))
        .take();
    Ok(Expr::exists(more).not())
}

struct Stretch {
    first: u64,
    last: u64,
    kind: &'static str,
    message: Option<MessageId>,
    texts: Vec<String>,
    data: Option<String>,
}

/// The rows of consecutive events.
pub(crate) fn rows(run: RunId, events: &[RunEvent]) -> Result<Vec<ActiveModel>, PortError> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for event in events {
        let next = Stretch::of(event)?;
        match stretches.last_mut() {
            Some(last) if last.takes(&next) => {
                last.last = next.last;
                last.texts.extend(next.texts);
            }
            _ => stretches.push(next),
        }
    }
    let rows = stretches.into_iter();
    rows.map(|stretch| stretch.row(run)).collect()
}

/// Maximum events per row: rows are read whole.
const MAX_EVENTS: usize = 1_000;
/// A row with this many bytes of text takes no further events.
const FULL_BYTES: usize = 64 * 1024;

impl Stretch {
    fn of(event: &RunEvent) -> Result<Self, PortError> {
        let mut texts = Vec::new();
        let (kind, message, data) = match &event.kind {
            start @ RunEventKind::Started { messages, .. } => {
                let question = start.question().map(|message| message.id);
                (STARTED, question, start_data(question, messages)?)
            }
            RunEventKind::MessageDelta {
                message_id,
                part,
                text,
            } => {
                texts.push(text.clone());
                (deltas_of(*part)?, Some(*message_id), None)
            }
            RunEventKind::ToolCalled { message_id, call } => {
                let data = tools::written_call(call)?;
                (TOOL_CALLED, Some(*message_id), Some(data))
            }
            RunEventKind::ToolReturned { message_id, result } => {
                let data = tools::written_result(result)?;
                (TOOL_RETURNED, Some(*message_id), Some(data))
            }
            RunEventKind::MessageCompleted { message } => (COMPLETED, Some(message.id), None),
            RunEventKind::Ended { output, .. } => (ENDED, output.as_ref().map(|it| it.id), None),
            other => {
                let (kind, message) = described(other)?;
                (kind, message, Some(event_data::written(other)?))
            }
        };
        Ok(Self {
            first: event.number,
            last: event.number,
            kind,
            message,
            texts,
            data,
        })
    }

    /// Whether the other's events fit into this row.
    fn takes(&self, next: &Self) -> bool {
        let has_room = || {
            let bytes: usize = self.texts.iter().map(String::len).sum();
            self.texts.len() < MAX_EVENTS && bytes < FULL_BYTES
        };
        let is_more = self.kind == next.kind && self.message == next.message;
        is_more && !next.texts.is_empty() && has_room()
    }

    fn row(self, run: RunId) -> Result<ActiveModel, PortError> {
        let texts = (!self.texts.is_empty()).then(|| serde_json::to_string(&self.texts));
        Ok(ActiveModel {
            run_id: Set(run.as_uuid()),
            first_number: Set(i64::try_from(self.first).map_err(PortError::other)?),
            last_number: Set(i64::try_from(self.last).map_err(PortError::other)?),
            kind: Set(self.kind.to_owned()),
            message_id: Set(self.message.map(MessageId::as_uuid)),
            texts: Set(texts.transpose().map_err(PortError::other)?),
            data: Set(self.data),
        })
    }
}

fn deltas_of(part: ContentPart) -> Result<&'static str, PortError> {
    match part {
        ContentPart::Text => Ok(DELTAS),
        ContentPart::Reasoning => Ok(REASONING),
        _ => Err(PortError::other("unsupported message part")),
    }
}

/// The kind and message of an event; the rest is [data](event_data).
fn described(event: &RunEventKind) -> Result<(&'static str, Option<MessageId>), PortError> {
    match event {
        RunEventKind::UtteranceBegan { message_id, .. } => Ok((UTTERANCE_BEGAN, Some(*message_id))),
        RunEventKind::UtteranceDiscarded { message_id, .. } => {
            Ok((UTTERANCE_DISCARDED, Some(*message_id)))
        }
        RunEventKind::ToolsRequested { .. } => Ok((TOOLS_REQUESTED, None)),
        RunEventKind::ModelCalled { .. } => Ok((MODEL_CALLED, None)),
        RunEventKind::Paused { .. } => Ok((PAUSED, None)),
        RunEventKind::Resumed { .. } => Ok((RESUMED, None)),
        _ => Err(PortError::other("unsupported run event")),
    }
}

/// The existing records that rows of a log refer to.
#[derive(Default)]
pub(crate) struct Subjects {
    pub(crate) run: Option<Run>,
    pub(crate) messages: HashMap<MessageId, Message>,
}

impl Model {
    /// Whether the row refers to its run or a message for more than it has.
    pub(crate) fn refers(&self) -> bool {
        matches!(
            self.kind.as_str(),
            STARTED | COMPLETED | PAUSED | RESUMED | ENDED
        )
    }

    /// The messages that the row refers to.
    pub(crate) fn messages(&self) -> Result<Vec<Uuid>, PortError> {
        let row = Row {
            table: "run_events",
            id: self.run_id,
        };
        let came = row.column("data", self.came_with_start())?;
        let came = came.into_iter().flatten().map(MessageId::as_uuid);
        Ok(self.message_id.into_iter().chain(came).collect())
    }

    /// Of a start, the messages that came with it, if not just the one that it answers.
    fn came_with_start(&self) -> Result<Option<Vec<MessageId>>, serde_json::Error> {
        let data = self.data.as_deref().filter(|_| self.kind == STARTED);
        let ids: Option<Vec<Uuid>> = data.map(serde_json::from_str).transpose()?;
        Ok(ids.map(|ids| ids.into_iter().map(MessageId::from_uuid).collect()))
    }

    /// The row without the call that the message answers.
    pub(crate) fn without_call(self, message: MessageId) -> Result<ActiveModel, PortError> {
        let row = Row {
            table: "run_events",
            id: self.run_id,
        };
        let data = self.data.as_deref().unwrap_or_default();
        let data = row.column("data", event_data::without_call(data, message))?;
        let mut changed = self.into_active_model();
        changed.data = Set(Some(data));
        Ok(changed)
    }

    /// The row's events; none if what they refer to is gone.
    pub(crate) fn events(self, subjects: &Subjects) -> Result<Vec<RunEvent>, PortError> {
        let row = Row {
            table: "run_events",
            id: self.run_id,
        };
        let first = row.column("first_number", u64::try_from(self.first_number))?;
        let message_id = self.message_id.map(MessageId::from_uuid);
        let message = message_id.and_then(|id| subjects.messages.get(&id));
        let run = subjects.run.as_ref();
        let data = self.data.as_deref().unwrap_or_default();
        let kind = match self.kind.as_str() {
            DELTAS => return self.deltas(&row, first, ContentPart::Text),
            REASONING => return self.deltas(&row, first, ContentPart::Reasoning),
            STARTED => {
                let came = row.column("data", self.came_with_start())?;
                run.and_then(|run| started(run, message, came.as_deref(), subjects))
            }
            TOOL_CALLED => Some(RunEventKind::ToolCalled {
                message_id: row.column("message_id", message_id.ok_or("missing"))?,
                call: row.column("data", tools::read_call(data))?,
            }),
            TOOL_RETURNED => Some(RunEventKind::ToolReturned {
                message_id: row.column("message_id", message_id.ok_or("missing"))?,
                result: row.column("data", tools::read_result(data))?,
            }),
            COMPLETED => message.map(|message| RunEventKind::MessageCompleted {
                message: Box::new(message.clone()),
            }),
            ENDED => run.map(|run| RunEventKind::Ended {
                run: Box::new(run.clone()),
                output: message.cloned().map(Box::new),
            }),
            UTTERANCE_BEGAN | UTTERANCE_DISCARDED | TOOLS_REQUESTED | MODEL_CALLED | PAUSED
            | RESUMED => {
                let message = message_id.unwrap_or_else(|| MessageId::from_uuid(Uuid::nil()));
                row.column("data", event_data::read(data, message, run))?
            }
            other => return row.column("kind", Err(format!("unknown name {other:?}"))),
        };
        let event = kind.map(|kind| RunEvent {
            number: first,
            kind,
        });
        Ok(event.into_iter().collect())
    }

    fn deltas(self, row: &Row, first: u64, part: ContentPart) -> Result<Vec<RunEvent>, PortError> {
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
                part,
                text,
            },
        });
        Ok(events.collect())
    }
}

/// Without data, the message that the run answers has come with it; if that is gone, so is the
/// event.
fn started(
    run: &Run,
    question: Option<&Message>,
    came: Option<&[MessageId]>,
    subjects: &Subjects,
) -> Option<RunEventKind> {
    let Some(came) = came else {
        return question.map(|question| began(run, None, vec![question.clone()]));
    };
    let messages: Vec<_> = came
        .iter()
        .filter_map(|id| subjects.messages.get(id))
        .collect();
    let is_earlier = |question: &&Message| !came.contains(&question.id);
    let earlier = question.filter(is_earlier).cloned().map(Box::new);
    Some(began(run, earlier, messages.into_iter().cloned().collect()))
}

/// The run at its start, without its end.
fn began(run: &Run, earlier: Option<Box<Message>>, messages: Vec<Message>) -> RunEventKind {
    RunEventKind::Started {
        run: Box::new(event_data::in_progress(run, None)),
        earlier,
        messages,
    }
}

/// The ids of the messages that came with a start, if not just the one that it answers.
fn start_data(
    question: Option<MessageId>,
    messages: &[Message],
) -> Result<Option<String>, PortError> {
    let ids: Vec<_> = messages
        .iter()
        .map(|message| message.id.as_uuid())
        .collect();
    let is_question = ids.len() == 1 && ids.first().copied() == question.map(MessageId::as_uuid);
    let data = (!is_question).then(|| serde_json::to_string(&ids));
    data.transpose().map_err(PortError::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delta(number: u64, message: MessageId) -> RunEvent {
        let text = number.to_string();
        let kind = RunEventKind::MessageDelta {
            message_id: message,
            part: ContentPart::Text,
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
