//! Rows of `messages`.

use colloquy_application::ports::{NewMessage, PortError};
use colloquy_domain::{
    AssistantId, Message, MessageId, MessageKind, MessageStatus, Run, RunId, ThreadId,
};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use super::tools;
use crate::error::Row;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub thread_id: Uuid,
    pub position: i64,
    pub kind: String,
    pub content: String,
    pub status: String,
    pub run_id: Option<Uuid>,
    pub assistant_id: Option<Uuid>,
    pub created_at: DateTimeUtc,
    pub tool_call: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}

pub(crate) fn bytes() -> Expr {
    Expr::cust("CAST(octet_length(content) AS bigint) + coalesce(octet_length(tool_call), 0)")
}

impl ActiveModel {
    /// The row of the run's message at that position.
    pub(crate) fn of(run: &Run, message: &NewMessage, position: i64) -> Result<Self, PortError> {
        let tool_call = message.tool_call.as_deref().map(tools::written_answered);
        Ok(Self {
            id: Set(message.id.as_uuid()),
            thread_id: Set(run.thread_id.as_uuid()),
            position: Set(position),
            kind: Set(message.kind.as_str().to_owned()),
            content: Set(message.content.clone()),
            status: Set(message.status.as_str().to_owned()),
            run_id: Set(Some(run.id.as_uuid())),
            assistant_id: Set(message.assistant_id.map(AssistantId::as_uuid)),
            created_at: Set(message.created_at),
            tool_call: Set(tool_call.transpose()?),
        })
    }
}

impl TryFrom<Model> for Message {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let row = Row {
            table: "messages",
            id: model.id,
        };
        let tool_call = model.tool_call.as_deref().map(tools::read_answered);
        let tool_call = tool_call.transpose().map(|it| it.map(Box::new));
        Ok(Self {
            id: MessageId::from_uuid(model.id),
            thread_id: ThreadId::from_uuid(model.thread_id),
            position: row.column("position", u64::try_from(model.position))?,
            kind: row.named("kind", &model.kind, MessageKind::from_name)?,
            content: model.content,
            status: row.named("status", &model.status, MessageStatus::from_name)?,
            run_id: model.run_id.map(RunId::from_uuid),
            assistant_id: model.assistant_id.map(AssistantId::from_uuid),
            created_at: model.created_at,
            tool_call: row.column("tool_call", tool_call)?,
        })
    }
}
