//! Rows of `access_tokens`.

use colloquy_application::ports::{PortError, TokenHash};
use colloquy_domain::{AccessToken, TokenId, TokenKind, TokenName, UserId};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::error::Row;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "access_tokens")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub user_id: Uuid,
    pub kind: String,
    pub name: String,
    pub hash: Vec<u8>,
    pub created_at: DateTimeUtc,
    pub last_used_at: Option<DateTimeUtc>,
    pub expires_at: Option<DateTimeUtc>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::users::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}

impl ActiveModel {
    pub(crate) fn new(token: &AccessToken, hash: &TokenHash) -> Self {
        Self {
            id: Set(token.id.as_uuid()),
            user_id: Set(token.user_id.as_uuid()),
            kind: Set(token.kind.as_str().to_owned()),
            name: Set(token.name.as_str().to_owned()),
            hash: Set(hash.0.to_vec()),
            created_at: Set(token.created_at),
            last_used_at: Set(token.last_used_at),
            expires_at: Set(token.expires_at),
        }
    }
}

impl TryFrom<Model> for AccessToken {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let row = Row {
            table: "access_tokens",
            id: model.id,
        };
        Ok(Self {
            id: TokenId::from_uuid(model.id),
            user_id: UserId::from_uuid(model.user_id),
            kind: row.named("kind", &model.kind, TokenKind::from_name)?,
            name: row.column("name", TokenName::parse(model.name))?,
            created_at: model.created_at,
            last_used_at: model.last_used_at,
            expires_at: model.expires_at,
        })
    }
}
