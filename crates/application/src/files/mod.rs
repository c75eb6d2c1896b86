//! Files that users upload.

mod blobs;
mod content;
mod sweep;
mod upload;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use colloquy_domain::{Actor, File, FileId, FileName, FilePurpose, UserId};

pub use content::FileContent;
pub use upload::{FileUpload, NewFile, UploadPlace};

use self::blobs::FileBlobs;
use crate::access::refusal;
use crate::audit;
use crate::fair_queue::{FairQueue, QueueLimits};
use crate::knowledge_permissions::KnowledgePolicy;
use crate::permissions::DefaultPolicy;
use crate::ports::{
    BlobStore, Clock, FileQuery, FileQuota, FileRepository, IdGenerator, StoredFile,
};
use crate::{Error, Slice};

/// Stores, shows and deletes files.
///
/// A row names each blob before its first byte is stored, until its last one is removed;
/// [`sweep`](Files::sweep) finishes what a crash interrupts.
#[derive(Clone)]
pub struct Files {
    policy: Arc<dyn KnowledgePolicy>,
    files: Arc<dyn FileRepository>,
    blobs: FileBlobs,
    limits: FileLimits,
    /// Each upload holds megabytes.
    places: FairQueue<UserId>,
    /// Uploads that wait for a place.
    waiting: Arc<AtomicUsize>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
}

/// Limits on files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileLimits {
    /// Size of a file.
    pub max_bytes: u64,
    /// Bytes of a user's files; `None` for no limit.
    pub user_bytes: Option<u64>,
    /// A user's files; `None` for no limit.
    pub user_files: Option<u64>,
}

impl Default for FileLimits {
    /// 64 MiB, 1 GiB, 10,000.
    fn default() -> Self {
        Self {
            max_bytes: 64 * 1024 * 1024,
            user_bytes: Some(1024 * 1024 * 1024),
            user_files: Some(10_000),
        }
    }
}

/// Uploads in progress.
const PLACES: usize = 8;
/// Uploads that wait for that, of which nothing was read.
const QUEUE: QueueLimits = QueueLimits {
    per_client: 16,
    total: 64,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileAction {
    View,
    Read,
    Update,
    Delete,
}

impl FileAction {
    /// The policy's name for it, for the audit log.
    const fn name(self) -> &'static str {
        match self {
            Self::View => "view_file",
            Self::Read => "read_file",
            Self::Update => "update_file",
            Self::Delete => "delete_file",
        }
    }
}

/// Files to list.
#[derive(Debug, Clone, Copy)]
pub struct FileFilter {
    /// By purpose.
    pub purpose: Option<FilePurpose>,
    /// Where the last page ended.
    pub after: Option<FileId>,
    /// Maximum number.
    pub limit: u32,
}

impl Files {
    #[must_use]
    pub(crate) fn new(
        files: Arc<dyn FileRepository>,
        blobs: Arc<dyn BlobStore>,
        limits: FileLimits,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            policy: Arc::new(DefaultPolicy),
            blobs: FileBlobs::new(Arc::clone(&files), blobs),
            files,
            limits,
            places: FairQueue::new(PLACES, QUEUE),
            waiting: Arc::default(),
            clock,
            ids,
        }
    }

    pub(crate) fn set_policy(&mut self, policy: Arc<dyn KnowledgePolicy>) {
        self.policy = policy;
    }

    /// How large a file may be.
    #[must_use]
    pub const fn max_bytes(&self) -> u64 {
        self.limits.max_bytes
    }

    /// Files that the actor may see, newest first.
    ///
    /// # Errors
    /// `Unauthenticated` for a guest.
    pub async fn list(&self, actor: &Actor, filter: FileFilter) -> Result<Slice<File>, Error> {
        if actor.user().is_none() {
            return Err(Error::Unauthenticated);
        }
        let query = FileQuery {
            scope: self.policy.file_scope(actor).await,
            purpose: filter.purpose,
            after: filter.after,
            limit: filter.limit.saturating_add(1),
            now: self.clock.now(),
        };
        let files = self.files.list(&query).await?;
        Ok(Slice::from_one_more(files, filter.limit))
    }

    /// One file.
    ///
    /// # Errors
    /// `NotFound`, also for another user's.
    pub async fn get(&self, actor: &Actor, id: FileId) -> Result<File, Error> {
        let stored = self.permitted(actor, id, FileAction::View).await?;
        Ok(stored.file)
    }

    /// Renames a file.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn rename(
        &self,
        actor: &Actor,
        id: FileId,
        name: Option<&FileName>,
    ) -> Result<File, Error> {
        let stored = self.permitted(actor, id, FileAction::Update).await?;
        match name {
            Some(name) => Ok(self.files.rename(id, name).await?),
            None => Ok(stored.file),
        }
    }

    /// Deletes a file. Its bytes go too, unless another file of its owner has the same.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn delete(&self, actor: &Actor, id: FileId) -> Result<(), Error> {
        self.permitted(actor, id, FileAction::Delete).await?;
        let key = self.files.remove(id).await?;
        audit::file_deleted(actor.into(), id);
        if let Some(key) = key {
            self.blobs.remove_now(key).await;
        }
        Ok(())
    }

    /// The only way from an id to a file: through the policy.
    async fn permitted(
        &self,
        actor: &Actor,
        id: FileId,
        action: FileAction,
    ) -> Result<StoredFile, Error> {
        // The scope is part of the query, so that hidden and missing files take the same time.
        let scope = self.policy.file_scope(actor).await;
        let Some(stored) = self.files.get(id, &scope, self.clock.now()).await? else {
            return Err(refusal(actor, action.name()));
        };
        let file = &stored.file;
        let decision = match action {
            FileAction::View => self.policy.view_file(actor, file).await,
            FileAction::Read => self.policy.read_file(actor, file).await,
            FileAction::Update => self.policy.update_file(actor, file).await,
            FileAction::Delete => self.policy.delete_file(actor, file).await,
        };
        decision.require_of(actor, action.name())?;
        Ok(stored)
    }

    fn quota(&self) -> FileQuota {
        FileQuota {
            bytes: self.limits.user_bytes,
            files: self.limits.user_files,
            now: self.clock.now(),
        }
    }
}
