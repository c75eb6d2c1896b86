//! Rows of `blob_removals`.

use sea_orm::entity::prelude::*;

#[sea_orm::model]
#[derive(Clone, Debug, DeriveEntityModel)]
#[sea_orm(table_name = "blob_removals")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub blob: String,
}

impl ActiveModelBehavior for ActiveModel {}
