//! Uploads of files.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use colloquy_domain::{
    Actor, ContentHash, File, FileId, FileLifetime, FileName, FilePurpose, UserId,
};
use futures_util::future::poll_immediate;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument as _;

use super::{Files, blobs};
use crate::fair_queue::QueuePermit;
use crate::ports::{BlobUpload, PortError, Upload, UploadedContent};
use crate::{Error, Quota, audit};

/// How long an upload waits for room: until one that stalls is cut.
const WAIT: Duration = Duration::from_secs(40);
/// How long an upload may be slow while others wait.
const SLOW: Duration = Duration::from_secs(10);
/// Bytes per second below which an upload is slow.
const SLOW_RATE: u64 = 64 * 1024;
/// Time limit for an upload, from its row to its last byte. Much shorter than the time after which
/// [`sweep`](Files::sweep) takes it for abandoned.
pub(super) const UPLOADING: Duration = Duration::from_secs(30 * 60);

/// Room for an upload that is permitted. Nothing was read yet.
pub struct UploadPlace {
    files: Files,
    actor: Actor,
    owner: UserId,
    place: QueuePermit<UserId>,
}

/// A new file, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    /// Its name.
    pub name: FileName,
    /// What it is for.
    pub purpose: FilePurpose,
    /// How long it lives, unless it is kept until it is deleted.
    pub lifetime: Option<FileLifetime>,
}

/// An upload in progress. It holds few megabytes, however much is written; unless it is finished,
/// nothing of it stays.
#[must_use = "an upload that is dropped is given up"]
pub struct FileUpload {
    files: Files,
    actor: Actor,
    id: FileId,
    blob: Option<Box<dyn BlobUpload>>,
    is_over: bool,
    hash: Sha256,
    bytes: u64,
    /// How many bytes the owner may still store.
    room: Option<u64>,
    begun_at: Instant,
    _place: QueuePermit<UserId>,
}

impl Files {
    /// Checks the permission before a large file is read, and waits for room.
    ///
    /// # Errors
    /// The policy's refusal, `TooManyUploads`.
    pub async fn admit(&self, actor: &Actor) -> Result<UploadPlace, Error> {
        let decision = self.policy.create_file(actor).await;
        decision.require_of(actor, "create_file")?;
        let owner = actor.user_id().ok_or(Error::Unauthenticated)?;
        Ok(UploadPlace {
            files: self.clone(),
            actor: actor.clone(),
            owner,
            place: self.place(owner).await?,
        })
    }

    async fn place(&self, owner: UserId) -> Result<QueuePermit<UserId>, Error> {
        let mut entering = pin!(self.places.enter(owner));
        let entered = match poll_immediate(&mut entering).await {
            Some(entered) => Some(entered),
            None => {
                let _counted = Waiting::new(&self.waiting);
                timeout(WAIT, entering).await.ok()
            }
        };
        let place = entered.and_then(Result::ok);
        place.ok_or(Error::TooManyUploads)
    }
}

/// Counts an upload as waiting.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl UploadPlace {
    /// Begins the upload.
    ///
    /// # Errors
    /// `QuotaExceeded` if there is room for nothing more.
    pub async fn begin(self, new: NewFile) -> Result<FileUpload, Error> {
        let Self {
            files,
            actor,
            owner,
            place,
        } = self;
        let id = FileId::from_uuid(files.ids.next_id());
        let created_at = files.clock.now();
        let upload = Upload {
            id,
            owner_id: owner,
            name: new.name,
            purpose: new.purpose,
            key: blobs::key(id)?,
            created_at,
            expires_at: new.lifetime.map(|lifetime| lifetime.after(created_at)),
        };
        // From here on, dropping it gives the upload up.
        let mut begun = FileUpload {
            files,
            actor,
            id,
            blob: None,
            is_over: false,
            hash: Sha256::new(),
            bytes: 0,
            room: None,
            begun_at: Instant::now(),
            _place: place,
        };
        let files = &begun.files;
        begun.room = files.files.begin(&upload, &files.quota()).await?;
        begun.blob = Some(begun.files.blobs.store.upload(&upload.key).await?);
        Ok(begun)
    }
}

impl FileUpload {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// `FileTooLarge`, `QuotaExceeded`, `TooManyUploads` if it is slow and others wait.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > self.files.limits.max_bytes {
            return Err(Error::FileTooLarge);
        }
        if self.room.is_some_and(|room| self.bytes > room) {
            return Err(Error::QuotaExceeded(Quota::Bytes));
        }
        if self.is_slow() && self.files.waiting.load(Ordering::Relaxed) > 0 {
            return Err(Error::TooManyUploads);
        }
        self.hash.update(&bytes);
        let deadline = self.begun_at + UPLOADING;
        in_time(deadline, self.blob()?.write(bytes)).await
    }

    /// Stores the file.
    ///
    /// # Errors
    /// `QuotaExceeded` if other uploads took the room meanwhile, `NotFound` if the owner is gone.
    pub async fn finish(mut self) -> Result<File, Error> {
        let content = UploadedContent {
            bytes: self.bytes,
            sha256: ContentHash(self.hash.finalize_reset().into()),
        };
        let deadline = self.begun_at + UPLOADING;
        in_time(deadline, self.blob()?.finish()).await?;
        let (files, quota) = (&self.files.files, self.files.quota());
        let completed = files.complete(self.id, &content, &quota).await?;
        self.is_over = true;
        audit::file_uploaded((&self.actor).into(), self.id);
        if let Some(surplus) = completed.surplus {
            self.files.blobs.remove_now(surplus).await;
        }
        Ok(completed.file)
    }

    fn is_slow(&self) -> bool {
        let elapsed = self.begun_at.elapsed();
        elapsed > SLOW && self.bytes < SLOW_RATE.saturating_mul(elapsed.as_secs())
    }

    fn blob(&mut self) -> Result<&mut dyn BlobUpload, Error> {
        match &mut self.blob {
            Some(blob) => Ok(&mut **blob),
            None => Err(PortError::other("the upload is over").into()),
        }
    }
}

async fn in_time(
    deadline: Instant,
    step: impl Future<Output = Result<(), PortError>>,
) -> Result<(), Error> {
    match timeout_at(deadline, step).await {
        Ok(done) => Ok(done?),
        Err(elapsed) => Err(PortError::unavailable(elapsed).into()),
    }
}

/// An upload that failed, or whose client left. What this cannot remove, the sweep does later.
impl Drop for FileUpload {
    fn drop(&mut self) {
        if let (false, Ok(runtime)) = (self.is_over, Handle::try_current()) {
            let (files, id) = (self.files.clone(), self.id);
            runtime.spawn(give_up(files, id, self.blob.take()).in_current_span());
        }
    }
}

async fn give_up(files: Files, id: FileId, blob: Option<Box<dyn BlobUpload>>) {
    let given_up = async {
        if let Some(mut blob) = blob {
            blob.abort().await?;
        }
        // A file stays, if the upload was completed after all.
        if files.files.abandon(id).await? {
            files.blobs.remove(blobs::key(id)?).await?;
        }
        Ok::<_, PortError>(())
    };
    if let Err(error) = given_up.await {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, file = %id, "upload not cleared away yet");
    }
}
