//! Reading the bytes of files.

use std::ops::Range;

use colloquy_domain::{Actor, File, FileId};

use super::{FileAction, Files};
use crate::ports::{BlobStream, FileScope, StoredFile};
use crate::{Error, audit};

/// A file whose bytes the actor may read.
pub struct FileContent {
    files: Files,
    actor: Actor,
    stored: StoredFile,
}

impl Files {
    /// A file to read.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn content(&self, actor: &Actor, id: FileId) -> Result<FileContent, Error> {
        let stored = self.permitted(actor, id, FileAction::Read).await?;
        Ok(FileContent {
            files: self.clone(),
            actor: actor.clone(),
            stored,
        })
    }
}

impl FileContent {
    /// The file.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.stored.file
    }

    /// Its bytes in this range, which is neither empty nor beyond the end; all of them if `None`.
    ///
    /// # Errors
    /// `NotFound` if it was deleted meanwhile.
    pub async fn read(&self, range: Option<Range<u64>>) -> Result<BlobStream, Error> {
        let (files, id) = (&self.files, self.stored.file.id);
        let blob = files.blobs.store.read(&self.stored.key, range).await?;
        let Some(blob) = blob else {
            let now = files.clock.now();
            let still = files.files.get(id, &FileScope::All, now).await?;
            if still.is_some() {
                // Somebody changed the blob store.
                tracing::error!(file = %id, "the file is missing from the blob store");
            }
            return Err(Error::NotFound);
        };
        audit::file_read((&self.actor).into(), id);
        Ok(blob)
    }
}
