//! Rows of `users`.

use colloquy_application::passwords::PasswordHash;
use colloquy_application::ports::PortError;
use colloquy_domain::{Email, PersonName, Role, User, UserId};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::error::Row;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub email: String,
    pub email_key: String,
    pub name: Option<String>,
    pub role: String,
    pub is_active: bool,
    pub password_hash: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    pub(crate) fn password(&self) -> Option<PasswordHash> {
        self.password_hash.clone().map(PasswordHash::from_stored)
    }
}

impl ActiveModel {
    pub(crate) fn new(user: &User, password: Option<&PasswordHash>) -> Self {
        Self {
            id: Set(user.id.as_uuid()),
            email: Set(user.email.as_str().to_owned()),
            email_key: Set(user.email.key().to_owned()),
            name: Set(user.name.clone().map(PersonName::into_string)),
            role: Set(user.role.as_str().to_owned()),
            is_active: Set(user.is_active),
            password_hash: Set(password.map(|hash| hash.as_str().to_owned())),
            created_at: Set(user.created_at),
            updated_at: Set(user.updated_at),
        }
    }
}

impl TryFrom<Model> for User {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let row = Row {
            table: "users",
            id: model.id,
        };
        let name = model.name.map(PersonName::parse).transpose();
        Ok(Self {
            id: UserId::from_uuid(model.id),
            email: row.column("email", Email::stored(model.email))?,
            name: row.column("name", name)?,
            role: row.named("role", &model.role, Role::from_name)?,
            is_active: model.is_active,
            created_at: model.created_at,
            updated_at: model.updated_at,
        })
    }
}
