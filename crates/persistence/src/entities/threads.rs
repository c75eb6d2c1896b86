use colloquy_application::ports::PortError;
use colloquy_domain::{AssistantId, Thread, ThreadId, ThreadName, UserId};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::error::Row;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "threads")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub name: String,
    pub owner_id: Option<Uuid>,
    pub assistant_id: Option<Uuid>,
    pub last_position: i64,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Thread> for ActiveModel {
    fn from(thread: &Thread) -> Self {
        Self {
            id: Set(thread.id.as_uuid()),
            name: Set(thread.name.as_str().to_owned()),
            owner_id: Set(thread.owner_id.map(UserId::as_uuid)),
            assistant_id: Set(thread.assistant_id.map(AssistantId::as_uuid)),
            last_position: Set(0),
            created_at: Set(thread.created_at),
            updated_at: Set(thread.updated_at),
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
            owner_id: model.owner_id.map(UserId::from_uuid),
            assistant_id: model.assistant_id.map(AssistantId::from_uuid),
            created_at: model.created_at,
            updated_at: model.updated_at,
        })
    }
}
