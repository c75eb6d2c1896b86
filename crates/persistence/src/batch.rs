use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, QueryResult, Statement,
    StatementBuilder, Value,
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
        if self.backend == DbBackend::Sqlite {
            return self
                .transaction
                .query_all_raw(joined(self.statements))
                .await;
        }
        let mut rows = Vec::new();
        for statement in self.statements {
            rows.extend(self.transaction.query_all_raw(statement).await?);
        }
        Ok(rows)
    }
}

/// Their values follow each other as their placeholders do, which are not numbered.
fn joined(statements: Vec<Statement>) -> Statement {
    let mut texts = Vec::new();
    let mut values: Vec<Value> = Vec::new();
    for statement in statements {
        texts.push(statement.sql);
        values.extend(statement.values.into_iter().flat_map(|values| values.0));
    }
    Statement::from_sql_and_values(DbBackend::Sqlite, texts.join(";"), values)
}
