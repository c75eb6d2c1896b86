//! The port of files.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{ContentHash, File, FileId, FileName, FilePurpose, UserId};

use super::{BlobKey, PortError};

/// Stores what there is to know of files, beside their bytes in the blob store.
///
/// No blob lies there unknown: it is named by an upload, by a file, or noted for removal. An upload
/// names its key before any byte is stored; whatever removes the last name of a key notes the key in
/// the same transaction. Files of one owner may share a blob.
///
/// A deleted owner's files are gone for every reader at once, and noted later: see
/// [`DeletionRepository`](super::DeletionRepository).
#[async_trait]
pub trait FileRepository: Send + Sync {
    /// Stores an upload, which nobody sees; how many bytes its owner may still store. Counted under
    /// a lock of the owner.
    ///
    /// # Errors
    /// `NotFound` if the owner is gone, `Conflict` with `FilesPerUser` or `FileBytesPerUser` if
    /// there is no room for another file, or for a single byte.
    async fn begin(&self, upload: &Upload, quota: &FileQuota) -> Result<Option<u64>, PortError>;

    /// Makes the upload a file. If its owner has a file with the same bytes, both name that one's
    /// blob, and the upload's key is noted for removal. Counted under a lock of the owner.
    ///
    /// # Errors
    /// `NotFound` if the upload or its owner is gone, `Conflict` with `FileBytesPerUser` if the
    /// owner's files would exceed the quota.
    async fn complete(
        &self,
        id: FileId,
        content: &UploadedContent,
        quota: &FileQuota,
    ) -> Result<CompletedUpload, PortError>;

    /// Removes the upload and notes its key; whether it was there. A file stays.
    async fn abandon(&self, id: FileId) -> Result<bool, PortError>;

    /// The file, if in `scope` and not expired at `now`; `None` after the same work whether it is
    /// missing or out of scope.
    async fn get(
        &self,
        id: FileId,
        scope: &FileScope,
        now: DateTime<Utc>,
    ) -> Result<Option<StoredFile>, PortError>;

    /// The files that the query describes, newest first: by id, descending.
    async fn list(&self, query: &FileQuery) -> Result<Vec<File>, PortError>;

    /// Renames the file and returns it.
    ///
    /// # Errors
    /// `NotFound`.
    async fn rename(&self, id: FileId, name: &FileName) -> Result<File, PortError>;

    /// Deletes the file; the key that was noted, unless another file names it.
    ///
    /// # Errors
    /// `NotFound`.
    async fn remove(&self, id: FileId) -> Result<Option<BlobKey>, PortError>;

    /// Removes up to `max` files that have expired at `now`, and uploads that began before
    /// `abandoned`; how many. May be called concurrently, on several instances.
    async fn remove_outdated(
        &self,
        now: DateTime<Utc>,
        abandoned: DateTime<Utc>,
        max: u32,
    ) -> Result<u64, PortError>;

    /// Up to `max` of the keys noted for removal.
    async fn removals(&self, max: u32) -> Result<Vec<BlobKey>, PortError>;

    /// Deletes the notes: these blobs are removed.
    async fn note_removed(&self, keys: &[BlobKey]) -> Result<(), PortError>;
}

/// An upload that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// ID of the file.
    pub id: FileId,
    /// Its owner.
    pub owner_id: UserId,
    /// Its name.
    pub name: FileName,
    /// What it is for.
    pub purpose: FilePurpose,
    /// Where its bytes will be. No other upload has this key.
    pub key: BlobKey,
    /// Time of its beginning.
    pub created_at: DateTime<Utc>,
    /// When the file expires, if ever.
    pub expires_at: Option<DateTime<Utc>>,
}

/// What was uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadedContent {
    /// How many bytes.
    pub bytes: u64,
    /// Their hash.
    pub sha256: ContentHash,
}

/// A file, and what is left to do for its upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletedUpload {
    /// The file.
    pub file: File,
    /// The upload's key, noted for removal since the owner had these bytes already.
    pub surplus: Option<BlobKey>,
}

/// A file and where its bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// The file.
    pub file: File,
    /// Key of its bytes.
    pub key: BlobKey,
}

/// How much a user's files and uploads may take in all; `None` is no limit. What has expired at
/// `now` does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileQuota {
    /// Bytes of the files.
    pub bytes: Option<u64>,
    /// Files, uploads included.
    pub files: Option<u64>,
    /// The time of counting.
    pub now: DateTime<Utc>,
}

/// Files to list.
#[derive(Debug, Clone)]
pub struct FileQuery {
    /// What the caller may see.
    pub scope: FileScope,
    /// Only those of this purpose.
    pub purpose: Option<FilePurpose>,
    /// Only those behind this one, which need not exist any more.
    pub after: Option<FileId>,
    /// Maximum number.
    pub limit: u32,
    /// Only those that have not expired at this time.
    pub now: DateTime<Utc>,
}

/// The files that somebody may see; part of the query.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileScope {
    /// All, also those without an owner.
    All,
    /// Those of these users.
    OwnedBy(Vec<UserId>),
}

impl FileScope {
    /// Whether the file is in scope. Stores' filters must agree with it.
    #[must_use]
    pub fn contains(&self, file: &File) -> bool {
        match self {
            Self::All => true,
            Self::OwnedBy(users) => file.owner_id.is_some_and(|owner| users.contains(&owner)),
        }
    }
}
