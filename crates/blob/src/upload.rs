//! Uploads in pieces. Small ones are put at once when they end; larger ones go part by part, of which
//! one is held in memory.

use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use colloquy_application::ports::{BlobUpload, PortError};
use object_store::multipart::{MultipartStore, PartId};
use object_store::path::Path;
use object_store::{
    Error as StoreError, MultipartId, MultipartUpload, ObjectStore, ObjectStoreExt as _,
    PutPayload, PutPayloadMut,
};
use tokio::task::spawn_blocking;

use crate::store::{is_absent, port_error};

/// Size of all parts but the last: the least that S3 takes. Some servers want all of one size.
const PART: usize = 5 * 1024 * 1024;
/// Size of the pieces that a part consists of in memory.
const BLOCK: usize = 256 * 1024;

/// How parts are stored until they are complete, and what an interrupted process leaves.
#[derive(Debug, Clone)]
pub(crate) enum Parts {
    /// Only in memory.
    Memory,
    /// In a file next to the blob's, below this folder.
    Folder(PathBuf),
    /// In the bucket. An object beside the blob's names the upload.
    Bucket(Arc<dyn Bucket>),
}

/// A store whose uploads outlive the process.
pub(crate) trait Bucket: MultipartStore + std::fmt::Debug {}

impl<T: MultipartStore + std::fmt::Debug> Bucket for T {}

/// An upload to a key.
pub(crate) struct ObjectUpload {
    store: Arc<dyn ObjectStore>,
    parts: Parts,
    path: Path,
    part: PutPayloadMut,
    begun: Option<Begun>,
}

/// An upload of which parts were stored.
enum Begun {
    Local(Box<dyn MultipartUpload>),
    Bucket {
        bucket: Arc<dyn Bucket>,
        id: MultipartId,
        parts: Vec<PartId>,
    },
}

impl ObjectUpload {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, parts: Parts, path: Path) -> Self {
        Self {
            store,
            parts,
            path,
            part: empty_part(),
            begun: None,
        }
    }

    async fn store_part(&mut self) -> Result<(), StoreError> {
        let part = std::mem::replace(&mut self.part, empty_part()).freeze();
        if self.begun.is_none() {
            self.begun = Some(self.begin().await?);
        }
        match &mut self.begun {
            None => Ok(()),
            Some(Begun::Local(upload)) => upload.put_part(part).await,
            Some(Begun::Bucket { bucket, id, parts }) => {
                let stored = bucket.put_part(&self.path, id, parts.len(), part).await?;
                parts.push(stored);
                Ok(())
            }
        }
    }

    async fn begin(&mut self) -> Result<Begun, StoreError> {
        let Parts::Bucket(bucket) = &self.parts else {
            let upload = self.store.put_multipart(&self.path).await?;
            return Ok(Begun::Local(upload));
        };
        let id = bucket.create_multipart(&self.path).await?;
        let name = PutPayload::from(id.clone().into_bytes());
        self.store.put(&mark(&self.path), name).await?;
        Ok(Begun::Bucket {
            bucket: Arc::clone(bucket),
            id,
            parts: Vec::new(),
        })
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        if self.begun.is_none() {
            let whole = std::mem::replace(&mut self.part, empty_part()).freeze();
            return self.store.put(&self.path, whole).await.map(drop);
        }
        if !self.part.is_empty() {
            self.store_part().await?;
        }
        match self.begun.take() {
            None => Ok(()),
            Some(Begun::Local(mut upload)) => upload.complete().await.map(drop),
            Some(Begun::Bucket { bucket, id, parts }) => {
                bucket.complete_multipart(&self.path, &id, parts).await?;
                remove(&self.store, &mark(&self.path)).await
            }
        }
    }

    async fn give_up(&mut self) -> Result<(), StoreError> {
        self.part = empty_part();
        match self.begun.take() {
            None => Ok(()),
            Some(Begun::Local(mut upload)) => upload.abort().await,
            Some(Begun::Bucket { bucket, id, .. }) => {
                abort(&*bucket, &self.path, &id).await?;
                remove(&self.store, &mark(&self.path)).await
            }
        }
    }
}

#[async_trait]
impl BlobUpload for ObjectUpload {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), PortError> {
        while !bytes.is_empty() {
            let room = PART.saturating_sub(self.part.content_length());
            let piece = bytes.split_to(room.min(bytes.len()));
            // Copied: small pieces could keep large buffers alive.
            self.part.extend_from_slice(&piece);
            if self.part.content_length() >= PART {
                self.store_part().await.map_err(port_error)?;
            }
        }
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), PortError> {
        self.complete().await.map_err(port_error)
    }

    async fn abort(&mut self) -> Result<(), PortError> {
        self.give_up().await.map_err(port_error)
    }
}

fn empty_part() -> PutPayloadMut {
    PutPayloadMut::new().with_block_size(BLOCK)
}

/// Removes what is left of an upload that nobody goes on with.
pub(crate) async fn clear(
    store: &Arc<dyn ObjectStore>,
    parts: &Parts,
    path: &Path,
) -> Result<(), PortError> {
    match parts {
        Parts::Memory => Ok(()),
        Parts::Folder(folder) => {
            let blob = folder.join(path.as_ref());
            let cleared = spawn_blocking(move || remove_staged(&blob)).await;
            let cleared = cleared.map_err(PortError::other)?;
            cleared.map_err(PortError::unavailable)
        }
        Parts::Bucket(bucket) => {
            let cleared = clear_bucket(store, &**bucket, path).await;
            cleared.map_err(port_error)
        }
    }
}

/// Removes the files that `object_store` writes until a blob is complete: the blob's name with `#`
/// and a number, from 1 on.
fn remove_staged(blob: &FilePath) -> io::Result<()> {
    for number in 1_u32.. {
        let mut name = blob.as_os_str().to_owned();
        name.push(format!("#{number}"));
        match std::fs::remove_file(name) {
            Ok(()) => {}
            Err(error) if is_nowhere(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_nowhere(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

async fn clear_bucket(
    store: &Arc<dyn ObjectStore>,
    bucket: &dyn Bucket,
    path: &Path,
) -> Result<(), StoreError> {
    let mark = mark(path);
    let id = match store.get(&mark).await {
        Ok(found) => found.bytes().await?,
        Err(error) if is_absent(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    let id = String::from_utf8_lossy(&id).into_owned();
    abort(bucket, path, &id).await?;
    remove(store, &mark).await
}

/// Aborts an upload; one that is over already is no error.
async fn abort(bucket: &dyn Bucket, path: &Path, id: &MultipartId) -> Result<(), StoreError> {
    match bucket.abort_multipart(path, id).await {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}

async fn remove(store: &Arc<dyn ObjectStore>, path: &Path) -> Result<(), StoreError> {
    match store.delete(path).await {
        Err(error) if !is_absent(&error) => Err(error),
        _ => Ok(()),
    }
}

/// The object that names an upload to the path: not a blob key, so listings omit it.
fn mark(path: &Path) -> Path {
    Path::from(format!("{path}#upload"))
}
