//! Stores revisions of assistants until no run needs them.

use colloquy_application::ports::REVISION_GRACE;
use colloquy_domain::{Assistant, AssistantId};
use sea_orm::{ConnectionTrait, EntityTrait, QueryFilter as _, Set};

use crate::entities::assistant_revisions::{ActiveModel, COLUMN, Entity, insertion, is_unnamed};
use crate::error::StoreError;
use crate::transaction::Transaction;

/// Stores the assistant's current row as a revision.
pub(super) async fn keep(transaction: &Transaction, id: AssistantId) -> Result<(), StoreError> {
    transaction.execute(&insertion(id.as_uuid())?).await?;
    Ok(())
}

/// Stores the assistant's current row as a revision, and removes earlier ones that are no longer
/// needed.
pub(super) async fn replace(transaction: &Transaction, by: &Assistant) -> Result<(), StoreError> {
    let of_assistant = COLUMN.assistant_id.eq(by.id.as_uuid());
    let replaced = ActiveModel {
        replaced_at: Set(Some(by.updated_at)),
        ..Default::default()
    };
    Entity::update_many()
        .set(replaced)
        .filter(of_assistant.clone())
        .filter(COLUMN.replaced_at.is_null())
        .exec(transaction)
        .await?;
    Entity::delete_many()
        .filter(of_assistant)
        .filter(COLUMN.replaced_at.lt(by.updated_at - REVISION_GRACE))
        .filter(is_unnamed())
        .exec(transaction)
        .await?;
    keep(transaction, by.id).await
}

/// See [`AssistantRepository::revision`](colloquy_application::ports::AssistantRepository::revision).
pub(super) async fn get(
    connection: &impl ConnectionTrait,
    id: AssistantId,
    revision: u32,
) -> Result<Option<Assistant>, StoreError> {
    let row = Entity::find_by_id((id.as_uuid(), i64::from(revision)));
    let model = row.one(connection).await?;
    Ok(model.map(Assistant::try_from).transpose()?)
}
