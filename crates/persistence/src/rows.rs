use colloquy_application::ports::{OffsetList, OffsetPage, PortError};
use sea_orm::{DatabaseTransaction, EntityTrait, PaginatorTrait, QuerySelect, Select};

use crate::error::Failure;

/// The page of the ordered selection, and how many rows that has in all; ends the transaction.
pub(crate) async fn page<E, T>(
    transaction: DatabaseTransaction,
    rows: Select<E>,
    page: OffsetPage,
) -> Result<OffsetList<T>, Failure>
where
    E: EntityTrait<Model: Sync>,
    T: TryFrom<E::Model, Error = PortError>,
{
    let total = rows.clone().count(&transaction).await?;
    // Neither database counts further.
    let skip = page.skip.min(i64::MAX as u64);
    let models = rows
        .offset(skip)
        .limit(u64::from(page.limit))
        .all(&transaction)
        .await?;
    transaction.commit().await?;
    let items = all(models)?;
    Ok(OffsetList { items, total })
}

/// `NotFound` when a write met no row.
pub(crate) fn expect_found(rows_affected: u64) -> Result<(), PortError> {
    if rows_affected == 0 {
        return Err(PortError::NotFound);
    }
    Ok(())
}

/// The domain's records of these rows, unless one does not fit.
pub(crate) fn all<M, T: TryFrom<M>>(models: Vec<M>) -> Result<Vec<T>, T::Error> {
    models.into_iter().map(T::try_from).collect()
}
