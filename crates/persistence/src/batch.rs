use sea_orm::sea_query::Values;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
    StatementBuilder,
};

/// Statements of a transaction, none of which needs what another one gives. SQLite carries them
/// out in one call: each call wakes its thread, and then the caller's.
pub(crate) struct Batch<'a> {
    transaction: &'a DatabaseTransaction,
    backend: DbBackend,
    statements: Vec<Statement>,
}

impl<'a> Batch<'a> {
    /// Of no statements yet.
    pub(crate) fn new(transaction: &'a DatabaseTransaction) -> Self {
        Self {
            transaction,
            backend: transaction.get_database_backend(),
            statements: Vec::new(),
        }
    }

    /// These as well, after the others.
    pub(crate) fn with(
        mut self,
        statements: impl IntoIterator<Item = impl StatementBuilder>,
    ) -> Self {
        let built = statements.into_iter().map(|it| self.backend.build(&it));
        self.statements.extend(built);
        self
    }

    /// Carries them out in their order; the rows that they return, in the same.
    pub(crate) async fn run(self) -> Result<Vec<QueryResult>, DbErr> {
        let statements = match self.backend {
            DbBackend::Sqlite => Vec::from_iter(joined(self.statements)),
            _ => self.statements,
        };
        let mut rows = Vec::new();
        for statement in statements {
            rows.extend(self.transaction.query_all_raw(statement).await?);
        }
        Ok(rows)
    }
}

/// All of them as one; their values follow each other as their placeholders do, which are not
/// numbered.
fn joined(statements: Vec<Statement>) -> Option<Statement> {
    statements.into_iter().reduce(|mut first, next| {
        first.sql.push(';');
        first.sql.push_str(&next.sql);
        let values = next.values.into_iter().flat_map(|values| values.0);
        let before = first.values.get_or_insert_with(|| Values(Vec::new()));
        before.0.extend(values);
        first
    })
}
