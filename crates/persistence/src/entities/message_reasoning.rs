//! Rows of `message_reasoning`.

use colloquy_application::ports::NewMessage;
use sea_orm::Set;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "message_reasoning")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub message_id: Uuid,
    pub content: String,
}

impl ActiveModelBehavior for ActiveModel {}

impl ActiveModel {
    /// The row, if the message has reasoning.
    pub(crate) fn of(message: &NewMessage) -> Option<Self> {
        Some(Self {
            message_id: Set(message.id.as_uuid()),
            content: Set(message.reasoning.clone()?),
        })
    }
}
