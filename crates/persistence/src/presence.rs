//! References to rows that may be deleted: each expression is the ID if its row exists, else null.
//! Deleted IDs stay in other rows until [`deletions`](crate::deletions) clears them.

use sea_orm::sea_query::{Expr, ExprTrait as _, Query, SelectStatement, SimpleExpr};
use sea_orm::{EntityTrait, Iden};

use crate::entities::{assistants, threads, users};

pub(crate) fn user(id: impl Into<Expr>) -> SimpleExpr {
    present(users::Entity, users::Column::Id, id.into())
}

pub(crate) fn assistant(id: impl Into<Expr>) -> SimpleExpr {
    present(assistants::Entity, assistants::Column::Id, id.into())
}

pub(crate) fn thread(id: impl Into<Expr>) -> SimpleExpr {
    present(threads::Entity, threads::Column::Id, id.into())
}

/// Those of the users that exist.
pub(crate) fn users(ids: impl IntoIterator<Item = uuid::Uuid>) -> SelectStatement {
    Query::select()
        .column(users::Column::Id)
        .from(users::Entity)
        .and_where(users::COLUMN.id.is_in(ids))
        .take()
}

fn present<E: EntityTrait>(table: E, key: impl Iden + Copy + 'static, id: Expr) -> SimpleExpr {
    let key = (table, key);
    Query::select()
        .column(key)
        .from(table)
        .and_where(Expr::col(key).eq(id))
        .take()
        .into()
}
