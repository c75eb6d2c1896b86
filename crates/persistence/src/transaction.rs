//! Interactive transactions.

use async_trait::async_trait;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, Statement};
use tokio::sync::Mutex;

use crate::connection::Connection;
use crate::connections::Connections;

/// A transaction, rolled back if dropped before commit. Its connection is reused only once it is
/// outside of any transaction.
pub(crate) struct Transaction {
    backend: DbBackend,
    connection: Mutex<Connection>,
}

impl Transaction {
    pub(crate) async fn begin(
        connections: &Connections,
        statement: &'static str,
    ) -> Result<Self, DbErr> {
        let mut connection = connections.acquire().await?;
        connection.begin(statement).await?;
        Ok(Self {
            backend: connections.get_database_backend(),
            connection: Mutex::new(connection),
        })
    }

    /// Commits. After an error the outcome is unknown only if the connection broke.
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        self.connection.into_inner().commit().await
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.connection.lock().await.execute(statement).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.connection.lock().await.execute_unprepared(sql).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.connection.lock().await.query_one(statement).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.connection.lock().await.query_all(statement).await
    }
}
