//! The blobs of avatars.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use colloquy_domain::{AssistantId, AvatarImage};

use crate::ports::{BlobKey, BlobStore, PortError};

/// Blobs at `avatars/<assistant>/<upload>-<hash>`. Keys are never reused, so a deletion cannot
/// remove a concurrent upload.
#[derive(Clone)]
pub(crate) struct AvatarBlobs {
    blobs: Arc<dyn BlobStore>,
}

const FOLDER: &str = "avatars";

impl AvatarBlobs {
    #[must_use]
    pub(crate) fn new(blobs: Arc<dyn BlobStore>) -> Self {
        Self { blobs }
    }

    pub(super) async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), PortError> {
        self.blobs.put(key, bytes).await
    }

    pub(super) async fn get(&self, key: &BlobKey) -> Result<Option<Bytes>, PortError> {
        self.blobs.get(key).await
    }

    pub(super) async fn all(&self) -> Result<BTreeSet<BlobKey>, PortError> {
        let keys = self.blobs.list(&parse(FOLDER)?).await?;
        Ok(keys.into_iter().collect())
    }

    /// Removes a blob that is no longer used. The sweep retries after a failure.
    pub(super) async fn discard(&self, key: &BlobKey) {
        if let Err(error) = self.blobs.delete(key).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, blob = key.as_str(), "avatar not removed");
        }
    }

    pub(crate) async fn discard_all(&self, assistant: AssistantId) {
        let keys = async {
            let folder = parse(&format!("{FOLDER}/{assistant}"))?;
            self.blobs.list(&folder).await
        };
        match keys.await {
            Ok(keys) => {
                for key in keys {
                    self.discard(&key).await;
                }
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, %assistant, "avatars not removed");
            }
        }
    }
}

pub(super) fn key(assistant: AssistantId, image: &AvatarImage) -> Result<BlobKey, PortError> {
    let (upload, hash) = (image.id, image.hash);
    parse(&format!("{FOLDER}/{assistant}/{upload}-{hash}"))
}

fn parse(text: &str) -> Result<BlobKey, PortError> {
    BlobKey::parse(text).map_err(PortError::other)
}
