//! Rows of `sign_in_places`: addresses from which accounts signed in.

use colloquy_application::ports::SignInAttempt;
use sea_orm::Set;
use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "sign_in_places")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub account: Vec<u8>,
    #[sea_orm(primary_key, auto_increment = false)]
    pub place: Vec<u8>,
    pub last_used_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

impl ActiveModel {
    pub(crate) fn of(attempt: &SignInAttempt) -> Self {
        Self {
            account: Set(attempt.account.0.to_vec()),
            place: Set(attempt.place.0.to_vec()),
            last_used_at: Set(attempt.at),
        }
    }
}
