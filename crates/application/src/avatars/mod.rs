//! Pictures of assistants.

mod blobs;
mod changes;
mod sweep;
mod upload;

use std::sync::Arc;

use bytes::Bytes;
use colloquy_domain::{Actor, Assistant, AssistantId, AssistantRef, AvatarImage};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub(crate) use blobs::AvatarBlobs;
pub use changes::AvatarChanges;
pub use upload::AvatarUpload;

use crate::Error;
use crate::access::Access;
use crate::assistants::{Assistants, Expected};
use crate::ports::{AvatarRenderer, IdGenerator};

/// Stores, serves and removes pictures of assistants.
///
/// The blob is stored before the assistant's row names it, and removed after the row no longer
/// does. [`sweep`](Avatars::sweep) removes what a crash leaves behind.
#[derive(Clone)]
pub struct Avatars {
    access: Access,
    assistants: Assistants,
    blobs: AvatarBlobs,
    renderer: Arc<dyn AvatarRenderer>,
    ids: Arc<dyn IdGenerator>,
    /// Uploads held in memory, up to 5 MiB each. Further uploads are not read yet.
    places: Arc<Semaphore>,
    /// One decoder at a time: decoding takes up to 80 MiB.
    slots: Arc<Semaphore>,
}

/// A picture as served to a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAvatar {
    /// Identifies the picture.
    pub image: AvatarImage,
    /// Whether guests may see it.
    pub is_public: bool,
    /// `None` if the reader has them already (`If-None-Match`).
    pub bytes: Option<Bytes>,
}

/// Files held at once. With the picture being decoded, less than 128 MiB.
const PLACES: usize = 2;
/// Attempts to read a picture that keeps being replaced.
const MAX_READ_ATTEMPTS: u32 = 10;

impl Avatars {
    #[must_use]
    pub(crate) fn new(
        assistants: Assistants,
        blobs: AvatarBlobs,
        renderer: Arc<dyn AvatarRenderer>,
        ids: Arc<dyn IdGenerator>,
    ) -> Self {
        Self {
            access: assistants.access.clone(),
            assistants,
            blobs,
            renderer,
            ids,
            places: Arc::new(Semaphore::new(PLACES)),
            slots: Arc::new(Semaphore::new(1)),
        }
    }

    /// An assistant's picture; without bytes if `has` says that the caller has them.
    ///
    /// # Errors
    /// `NotFound`, whether the assistant is missing, hidden or has no picture.
    pub async fn get(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        has: impl Fn(&AvatarImage) -> bool + Send + Sync,
    ) -> Result<ShownAvatar, Error> {
        let (assistant, image) = self.visible(actor, reference).await?;
        let shown = if has(&image) {
            (image, None)
        } else {
            match self.blobs.get(&blobs::key(assistant.id, &image)?).await? {
                Some(bytes) => (image, Some(bytes)),
                None => self.read_current(assistant.id).await?,
            }
        };
        Ok(ShownAvatar {
            is_public: self.is_public(&assistant).await,
            image: shown.0,
            bytes: shown.1,
        })
    }

    /// Retries when the picture is replaced while being read.
    async fn read_current(
        &self,
        assistant: AssistantId,
    ) -> Result<(AvatarImage, Option<Bytes>), Error> {
        let before = Uuid::from_u128(assistant.as_uuid().as_u128().saturating_sub(1));
        let before = Some(AssistantId::from_uuid(before));
        let mut missing = None;
        for _ in 0..MAX_READ_ATTEMPTS {
            let page = self.assistants.assistants.avatars(before, 1).await?;
            let found = page.into_iter().find(|(id, _)| *id == assistant);
            let (_, image) = found.ok_or(Error::NotFound)?;
            let bytes = self.blobs.get(&blobs::key(assistant, &image)?).await?;
            if bytes.is_some() {
                return Ok((image, bytes));
            }
            if missing.replace(image.id) == Some(image.id) {
                // The blob store was changed by hand.
                tracing::error!(%assistant, "the avatar is missing from the blob store");
                break;
            }
        }
        Err(Error::NotFound)
    }

    async fn visible(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<(Arc<Assistant>, AvatarImage), Error> {
        let found = self.access.assistant_in_scope(actor, reference).await?;
        let assistant = found.ok_or(Error::NotFound)?;
        let decision = self.access.policy().view_assistant(actor, &assistant).await;
        if !decision.is_allowed() {
            return Err(Error::NotFound);
        }
        let image = assistant.avatar.image.clone().ok_or(Error::NotFound)?;
        Ok((assistant, image))
    }

    async fn is_public(&self, assistant: &Assistant) -> bool {
        let policy = self.access.policy();
        let decision = policy.view_assistant(&Actor::Guest, assistant).await;
        decision.is_allowed()
    }

    /// Removes an assistant's picture, if it has one.
    ///
    /// # Errors
    /// The policy's refusal, `NotFound`.
    pub async fn remove(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<Assistant, Error> {
        let assistant = self.assistants.managed(actor, reference).await?;
        if assistant.avatar.image.is_none() {
            return Ok(Arc::unwrap_or_clone(assistant));
        }
        self.replace(actor, &assistant.id.into(), None).await
    }

    async fn replace(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        image: Option<AvatarImage>,
    ) -> Result<Assistant, Error> {
        let (before, after) = self
            .assistants
            .rewrite(actor, reference, &Expected::Any, |mut assistant| {
                assistant.avatar.image.clone_from(&image);
                assistant
            })
            .await?;
        if let Some(old) = &before.avatar.image {
            self.blobs.discard(&blobs::key(before.id, old)?).await;
        }
        Ok(after)
    }
}
