//! Reads lists of rows.

use colloquy_application::ports::{MAX_PAGE_BYTES, OffsetList, OffsetPage, PortError};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait as _, EntityTrait, Order, PaginatorTrait, QueryFilter as _, QueryOrder as _,
    QuerySelect as _, QueryTrait as _, Select,
};
use uuid::Uuid;

use crate::error::StoreError;
use crate::transaction::Transaction;

/// A page of the selection and its total count; ends the transaction. Ordered by these columns, the
/// last of which is the key. Ends early when `bytes` exceed the page limit.
pub(crate) async fn page<E, T>(
    transaction: Transaction,
    rows: Select<E>,
    by: &[E::Column],
    page: OffsetPage,
    bytes: Expr,
) -> Result<OffsetList<T>, StoreError>
where
    E: EntityTrait<Model: Sync>,
    T: TryFrom<E::Model, Error = PortError>,
{
    let total = rows.clone().count(&transaction).await?;
    let count = u64::from(page.limit).min(total.saturating_sub(page.skip));
    let models = if count == 0 {
        Vec::new()
    } else {
        let window = PageWindow::of(page.skip, count, total);
        let rows = window.rows(rows, by);
        let keys = fitting_keys(&transaction, &window, rows.clone(), by, bytes).await?;
        let mut models = match by.last() {
            Some(key) => rows.filter(key.is_in(keys)).all(&transaction).await?,
            None => Vec::new(),
        };
        if window.order == Order::Desc {
            models.reverse();
        }
        models
    };
    transaction.commit().await?;
    let items = all(models)?;
    Ok(OffsetList { items, total })
}

/// Keys of the rows that fit into a page by `bytes`, at least one.
async fn fitting_keys<E: EntityTrait>(
    transaction: &Transaction,
    window: &PageWindow,
    rows: Select<E>,
    by: &[E::Column],
    bytes: Expr,
) -> Result<Vec<Uuid>, StoreError> {
    let sizes = rows.select_only().columns(by.last().copied());
    let sizes = sizes.expr_as(bytes, "bytes").into_tuple();
    let mut sizes: Vec<(Uuid, i64)> = sizes.all(transaction).await?;
    if window.order == Order::Desc {
        sizes.reverse();
    }
    let mut total = 0_u64;
    let within = sizes.iter().take_while(|(_, bytes)| {
        total = total.saturating_add(bytes.unsigned_abs());
        total <= MAX_PAGE_BYTES
    });
    let count = within.count().max(1);
    Ok(sizes.into_iter().take(count).map(|(key, _)| key).collect())
}

/// The page's position, counted from the nearer end, because skipped rows are read one by one.
struct PageWindow {
    order: Order,
    offset: u64,
    count: u64,
}

impl PageWindow {
    fn of(skip: u64, count: u64, total: u64) -> Self {
        let behind = total - skip - count;
        let (order, offset) = if skip <= behind {
            (Order::Asc, skip)
        } else {
            (Order::Desc, behind)
        };
        Self {
            order,
            offset,
            count,
        }
    }

    /// Skips rows by key, using the index.
    fn rows<E: EntityTrait>(&self, rows: Select<E>, by: &[E::Column]) -> Select<E> {
        let Some(key) = by.last() else {
            return rows;
        };
        let keys = ordered(rows, by, &self.order)
            .select_only()
            .column(*key)
            .offset(self.offset)
            .limit(self.count)
            .into_query();
        ordered(E::find().filter(key.in_subquery(keys)), by, &self.order)
    }
}

pub(crate) fn ordered<E: EntityTrait>(
    rows: Select<E>,
    by: &[E::Column],
    order: &Order,
) -> Select<E> {
    by.iter()
        .fold(rows, |rows, column| rows.order_by(*column, order.clone()))
}

/// `NotFound` if a write affected no row.
pub(crate) fn expect_found(rows_affected: u64) -> Result<(), PortError> {
    if rows_affected == 0 {
        return Err(PortError::NotFound);
    }
    Ok(())
}

/// Converts all rows, or fails at the first corrupt one.
pub(crate) fn all<M, T: TryFrom<M>>(models: Vec<M>) -> Result<Vec<T>, T::Error> {
    models.into_iter().map(T::try_from).collect()
}
