//! What deletions leave to do. A deleted thread, user or assistant is gone with its row; rows
//! elsewhere that belong to it or name it go later, in batches, each a transaction of its own.
//!
//! Until then readers must not see them: messages, runs and events are read only where their
//! thread is there, and the name of a user or an assistant that is gone reads as none.

mod detaching;
mod thread;

use async_trait::async_trait;
use colloquy_application::ports::{DeletionRepository, PortError};
use sea_orm::sea_query::{LockBehavior, LockType};
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, QuerySelect, Set};
use uuid::Uuid;

use crate::Database;
use crate::entities::deletions::{ActiveModel, COLUMN, Entity, Model};
use crate::error::Failure;
use crate::transaction::Transaction;

/// The most rows that a batch removes or changes.
const BATCH_ROWS: u64 = 500;
/// The most bytes of text that it removes, unless a single row has more.
const BATCH_BYTES: i64 = 1024 * 1024;

/// What was deleted.
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

/// Notes that the row is gone and others are left to deal with.
pub(crate) async fn note(
    transaction: &Transaction,
    kind: Deleted,
    id: Uuid,
) -> Result<(), Failure> {
    let deletion = ActiveModel {
        id: Set(id),
        kind: Set(kind.as_str().to_owned()),
    };
    Entity::insert(deletion)
        .exec_without_returning(transaction)
        .await?;
    Ok(())
}

/// Finishes deletions in a [`Database`].
#[derive(Debug, Clone)]
pub struct SeaDeletionRepository {
    database: Database,
}

impl SeaDeletionRepository {
    /// The deletions of that database.
    #[must_use]
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

#[async_trait]
impl DeletionRepository for SeaDeletionRepository {
    async fn remove_batch(&self) -> Result<u64, PortError> {
        if !self.has_any().await? {
            return Ok(0);
        }
        self.database
            .write(|| async {
                let transaction = self.database.begin().await?;
                let removed = match next(&transaction).await? {
                    Some(deletion) => batch(&transaction, &deletion).await?,
                    None => 0,
                };
                transaction.commit().await?;
                Ok(removed)
            })
            .await
    }
}

impl SeaDeletionRepository {
    /// Without the write lock, which there is most often nothing to do with.
    async fn has_any(&self) -> Result<bool, PortError> {
        self.database
            .read(async {
                let first = Entity::find().one(self.database.reader()).await?;
                Ok(first.is_some())
            })
            .await
    }
}

/// A deletion that nobody else works on at this moment.
async fn next(transaction: &Transaction) -> Result<Option<Model>, Failure> {
    let first = Entity::find()
        .order_by_asc(COLUMN.id)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    Ok(first.one(transaction).await?)
}

/// How many rows the batch has dealt with; the deletion itself goes when nothing else is left.
async fn batch(transaction: &Transaction, deletion: &Model) -> Result<u64, Failure> {
    let id = deletion.id;
    let dealt_with = match Deleted::from_name(&deletion.kind) {
        Some(Deleted::Thread) => thread::remove_batch(transaction, id).await?,
        Some(Deleted::User) => detaching::batch_of_user(transaction, id).await?,
        Some(Deleted::Assistant) => detaching::batch_of_assistant(transaction, id).await?,
        None => return Err(PortError::other("a deletion unknown to this store").into()),
    };
    if dealt_with > 0 {
        return Ok(dealt_with);
    }
    finish(transaction, id).await?;
    Ok(1)
}

async fn finish(connection: &impl ConnectionTrait, id: Uuid) -> Result<(), Failure> {
    Entity::delete_by_id(id).exec(connection).await?;
    Ok(())
}
