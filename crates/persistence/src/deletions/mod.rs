//! Deferred deletion. The row of a deleted thread, user or assistant is removed at once; dependent
//! rows later, one transaction per batch.
//!
//! Readers must not see those: messages, runs and events are read only if their thread exists, and
//! references to a deleted user or assistant read as null.

mod detaching;
mod thread;

use async_trait::async_trait;
use colloquy_application::ports::{DeletionRepository, PortError};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, Order, QueryOrder, QuerySelect, Set};
use uuid::Uuid;

use crate::Database;
use crate::entities::deletions::{ActiveModel, Entity, Model};
use crate::error::StoreError;
use crate::transaction::Transaction;

/// Maximum bytes of text per batch, unless a single row has more.
const BATCH_BYTES: i64 = 1024 * 1024;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Deleted {
    Thread,
    User,
    Assistant,
}

impl Deleted {
    const ALL: [Self; 3] = [Self::Thread, Self::User, Self::Assistant];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Thread => "thread",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Records a deletion for later processing.
pub(crate) async fn note(
    transaction: &Transaction,
    kind: Deleted,
    id: Uuid,
) -> Result<(), StoreError> {
    let deletion = ActiveModel {
        id: Set(id),
        kind: Set(kind.as_str().to_owned()),
    };
    Entity::insert(deletion)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Processes deletions in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaDeletionRepository {
    database: Database,
}

impl SeaDeletionRepository {
    /// The deletions of this database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl DeletionRepository for SeaDeletionRepository {
    async fn remove_batch(&self, max_rows: u64) -> Result<u64, PortError> {
        if !self.has_any().await? {
            return Ok(0);
        }
        self.database
            .write(|| async {
                let transaction = self.begin().await?;
                let removed = match next(&transaction).await? {
                    Some(deletion) => batch(&transaction, &deletion, max_rows).await?,
                    None => 0,
                };
                transaction.commit().await?;
                Ok(removed)
            })
            .await
    }
}

impl SeaDeletionRepository {
    async fn begin(&self) -> Result<Transaction, StoreError> {
        if self.database.backend() != DbBackend::Postgres {
            return Ok(self.database.begin().await?);
        }
        // Where most rows match, the planner prefers a scan, which would skip over processed rows
        // again in every batch.
        let begin = "BEGIN; SET LOCAL enable_seqscan = off";
        Ok(Transaction::begin(self.database.writer(), begin).await?)
    }

    /// Checks without the write lock: usually there is nothing to do.
    async fn has_any(&self) -> Result<bool, PortError> {
        self.database
            .read(async {
                let first = Entity::find().one(self.database.reader()).await?;
                Ok(first.is_some())
            })
            .await
    }
}

/// Any deletion that no other instance is processing, so that a large one does not delay others.
async fn next(transaction: &Transaction) -> Result<Option<Model>, StoreError> {
    let first = Entity::find()
        .order_by(Expr::cust("random()"), Order::Asc)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(first.one(transaction).await?)
}

/// Processes a batch. Returns the number of rows. Removes the deletion itself last.
async fn batch(
    transaction: &Transaction,
    deletion: &Model,
    max_rows: u64,
) -> Result<u64, StoreError> {
    let id = deletion.id;
    let dealt_with = match Deleted::from_name(&deletion.kind) {
        Some(Deleted::Thread) => thread::remove_batch(transaction, id, max_rows).await?,
        Some(Deleted::User) => detaching::batch_of_user(transaction, id, max_rows).await?,
        Some(Deleted::Assistant) => {
            detaching::batch_of_assistant(transaction, id, max_rows).await?
        }
        None => return Err(PortError::other("unsupported deletion").into()),
    };
    if dealt_with > 0 {
        return Ok(dealt_with);
    }
    finish(transaction, id).await?;
    Ok(1)
}

async fn finish(connection: &impl ConnectionTrait, id: Uuid) -> Result<(), StoreError> {
    Entity::delete_by_id(id).exec(connection).await?;
    Ok(())
}
