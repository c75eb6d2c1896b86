//! Rows of `sign_in_attempts`.

use colloquy_application::ports::{AccountKey, PastAttempt, PlaceKey, PortError, SignInAttempt};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::error::Row;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub account: Vec<u8>,
    pub place: Vec<u8>,
    pub is_refused: bool,
    pub begun_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

impl ActiveModel {
    pub(crate) fn undecided(attempt: &SignInAttempt) -> Self {
        Self {
            id: Set(attempt.id),
            account: Set(attempt.account.0.to_vec()),
            place: Set(attempt.place.0.to_vec()),
            is_refused: Set(false),
            begun_at: Set(attempt.at),
        }
    }
}

impl TryFrom<Model> for PastAttempt {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let row = Row {
            table: "sign_in_attempts",
            id: model.id,
        };
        let hash = |bytes: Vec<u8>| -> Result<[u8; 32], String> {
            let wrong = |bytes: Vec<u8>| format!("{} bytes instead of 32", bytes.len());
            bytes.try_into().map_err(wrong)
        };
        Ok(Self {
            account: AccountKey(row.column("account", hash(model.account))?),
            place: PlaceKey(row.column("place", hash(model.place))?),
            at: model.begun_at,
            is_refused: model.is_refused,
        })
    }
}
