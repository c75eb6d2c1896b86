//! Rows of `threads`.

use colloquy_application::ports::PortError;
use colloquy_domain::{AssistantId, Thread, ThreadId, ThreadName, UserId};
use sea_orm::entity::prelude::*;
use sea_orm::{Iterable as _, QuerySelect as _, Select, Set};

use crate::error::Row;
use crate::presence;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "threads")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub is_named: bool,
    pub owner_id: Option<Uuid>,
    pub assistant_id: Option<Uuid>,
    pub last_position: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
    pub last_message_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

/// Threads as read: a deleted owner or assistant is null.
pub(crate) fn find() -> Select<Entity> {
    let named = |column: &Column| matches!(column, Column::OwnerId | Column::AssistantId);
    let owner = presence::user(Expr::col((Entity, Column::OwnerId)));
    let assistant = presence::assistant(Expr::col((Entity, Column::AssistantId)));
    Entity::find()
        .select_only()
        .columns(Column::iter().filter(|column| !named(column)))
        .expr_as(owner, "owner_id")
        .expr_as(assistant, "assistant_id")
}

impl From<&Thread> for ActiveModel {
    fn from(thread: &Thread) -> Self {
        Self {
            id: Set(thread.id.as_uuid()),
            name: Set(thread.name.as_str().to_owned()),
            is_named: Set(thread.is_named),
            owner_id: Set(thread.owner_id.map(UserId::as_uuid)),
            assistant_id: Set(thread.assistant_id.map(AssistantId::as_uuid)),
            last_position: Set(0),
            created_at: Set(thread.created_at),
            updated_at: Set(thread.updated_at),
            last_message_at: Set(thread.last_message_at),
        }
    }
}

impl TryFrom<Model> for Thread {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let row = Row {
            table: "threads",
            id: model.id,
        };
        Ok(Self {
            id: ThreadId::from_uuid(model.id),
            name: row.column("name", ThreadName::parse(model.name))?,
            is_named: model.is_named,
            owner_id: model.owner_id.map(UserId::from_uuid),
            assistant_id: model.assistant_id.map(AssistantId::from_uuid),
            created_at: model.created_at,
            updated_at: model.updated_at,
            last_message_at: model.last_message_at,
        })
    }
}
