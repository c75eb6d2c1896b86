//! Rows of `files`.

use colloquy_application::ports::{BlobKey, PortError, StoredFile, Upload};
use colloquy_domain::{ContentHash, File, FileId, FileName, FilePurpose, UserId};
use sea_orm::Set;
use sea_orm::entity::prelude::*;

use crate::error::Row;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "files")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub owner_id: Option<Uuid>,
    pub name: String,
    pub purpose: String,
    pub blob: String,
    pub bytes: Option<i64>,
    pub sha256: Option<Vec<u8>>,
    pub created_at: DateTimeUtc,
    pub expires_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Upload> for ActiveModel {
    fn from(upload: &Upload) -> Self {
        Self {
            id: Set(upload.id.as_uuid()),
            owner_id: Set(Some(upload.owner_id.as_uuid())),
            name: Set(upload.name.as_str().to_owned()),
            purpose: Set(upload.purpose.as_str().to_owned()),
            blob: Set(upload.key.as_str().to_owned()),
            bytes: Set(None),
            sha256: Set(None),
            created_at: Set(upload.created_at),
            expires_at: Set(upload.expires_at),
        }
    }
}

impl TryFrom<Model> for File {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let row = row(model.id);
        let hash = model.sha256.unwrap_or_default();
        let bytes = u64::try_from(model.bytes.unwrap_or(-1));
        Ok(Self {
            id: FileId::from_uuid(model.id),
            owner_id: model.owner_id.map(UserId::from_uuid),
            name: row.column("name", FileName::parse(model.name))?,
            purpose: row.named("purpose", &model.purpose, FilePurpose::from_name)?,
            bytes: row.column("bytes", bytes)?,
            sha256: ContentHash(row.column("sha256", <[u8; 32]>::try_from(&*hash))?),
            created_at: model.created_at,
            expires_at: model.expires_at,
        })
    }
}

impl TryFrom<Model> for StoredFile {
    type Error = PortError;

    fn try_from(model: Model) -> Result<Self, PortError> {
        let key = BlobKey::parse(model.blob.clone());
        Ok(Self {
            key: row(model.id).column("blob", key)?,
            file: model.try_into()?,
        })
    }
}

const fn row(id: Uuid) -> Row {
    Row { table: "files", id }
}
