//! Uploads of pictures.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use colloquy_domain::{
    Actor, Assistant, AssistantId, AssistantRef, AvatarId, AvatarImage, ContentHash,
};
use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::timeout;
use tracing::Span;

use super::{Avatars, blobs};
use crate::Error;
use crate::ports::{BlobKey, ImageError, PortError, RenderedAvatar};

/// Time limit for storing a blob and its row. Shorter than the sweep's interval, so that the sweep
/// never removes an upload in progress.
pub(super) const STORING: Duration = Duration::from_secs(20);

/// A permitted upload, waiting for its file.
pub struct AvatarUpload {
    avatars: Avatars,
    actor: Actor,
    assistant: AssistantId,
    place: OwnedSemaphorePermit,
}

impl Avatars {
    /// Checks the permission before a large file is read, and waits for room.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn upload(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<AvatarUpload, Error> {
        let assistant = self.assistants.managed(actor, reference).await?;
        let places = Arc::clone(&self.places);
        let place = places.acquire_owned().await.map_err(PortError::other)?;
        Ok(AvatarUpload {
            avatars: self.clone(),
            actor: actor.clone(),
            assistant: assistant.id,
            place,
        })
    }
}

impl AvatarUpload {
    /// Replaces the assistant's picture by the one in the file. On failure the old one stays.
    ///
    /// # Errors
    /// `Invalid` at `file` if it cannot be rendered, `NotFound` if the assistant is gone.
    pub async fn finish(self, file: Bytes) -> Result<Assistant, Error> {
        let Self {
            avatars,
            actor,
            assistant,
            place,
        } = self;
        let rendered = avatars.render(file, place).await?;
        let image = AvatarImage {
            id: AvatarId::from_uuid(avatars.ids.next_id()),
            kind: rendered.kind,
            hash: ContentHash(Sha256::digest(&rendered.bytes).into()),
        };
        let stored = avatars.store(&actor, assistant, image, rendered.bytes);
        let stored = timeout(STORING, stored).await;
        stored.unwrap_or_else(|elapsed| Err(PortError::unavailable(elapsed).into()))
    }
}

impl Avatars {
    /// Renders on a blocking thread. The job holds the permits: a dropped caller must not admit
    /// another.
    async fn render(
        &self,
        file: Bytes,
        place: OwnedSemaphorePermit,
    ) -> Result<RenderedAvatar, Error> {
        let slots = Arc::clone(&self.slots);
        let slot = slots.acquire_owned().await.map_err(PortError::other)?;
        let renderer = Arc::clone(&self.renderer);
        let span = Span::current();
        let work = spawn_blocking(move || {
            let _held = (slot, place);
            span.in_scope(|| renderer.render(&file))
        });
        let rendered = work.await.unwrap_or_else(|error| Err(panicked(error)));
        rendered.map_err(|error| match error.violation() {
            Some(violation) => {
                let cause = &error as &dyn std::error::Error;
                tracing::info!(error = cause, "avatar upload rejected");
                violation.at("file").into()
            }
            None => PortError::other(error).into(),
        })
    }

    async fn store(
        &self,
        actor: &Actor,
        assistant: AssistantId,
        image: AvatarImage,
        bytes: Bytes,
    ) -> Result<Assistant, Error> {
        let key = blobs::key(assistant, &image)?;
        self.blobs.put(&key, bytes).await?;
        let reference = AssistantRef::Id(assistant);
        let replaced = self.replace(actor, &reference, Some(image)).await;
        if let Err(error) = &replaced {
            self.give_up(&key, error).await;
        }
        replaced
    }

    /// Removes a blob that no row names. After a store failure the row may name it; the sweep
    /// decides.
    async fn give_up(&self, key: &BlobKey, error: &Error) {
        if !matches!(error, Error::Port(_)) {
            self.blobs.discard(key).await;
        }
    }
}

/// Reports a decoder panic as a damaged file.
fn panicked(error: JoinError) -> ImageError {
    tracing::error!(%error, "the image decoder panicked");
    ImageError::Damaged(error.into())
}
