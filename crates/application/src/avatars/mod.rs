//! The pictures of assistants.

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

/// Takes, shows and removes the pictures of assistants.
///
/// An assistant's row names its picture, the blob store holds the bytes. The bytes are there before
/// the row names them and until it no longer does. What a crash leaves between the two is removed
/// by [`sweep`](Avatars::sweep).
#[derive(Clone)]
pub struct Avatars {
    access: Access,
    assistants: Assistants,
    blobs: AvatarBlobs,
    renderer: Arc<dyn AvatarRenderer>,
    ids: Arc<dyn IdGenerator>,
    /// A file is held whole, up to 5 MiB of it: two at a time, the next ones are not read yet.
    places: Arc<Semaphore>,
    /// To read a picture takes up to 80 MiB: one at a time.
    slots: Arc<Semaphore>,
}

/// A picture as somebody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownAvatar {
    /// Which picture it is.
    pub image: AvatarImage,
    /// Whether guests may see it too.
    pub is_public: bool,
    /// Its bytes; `None` for who has them already.
    pub bytes: Option<Bytes>,
}

/// How many files are held at once. With the picture that is being read they stay below 128 MiB.
const PLACES: usize = 2;
/// How often a picture is looked for that is replaced again and again.
const MAX_READ_ATTEMPTS: u32 = 10;

impl Avatars {
    /// The pictures of these assistants.
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

    /// An assistant's picture; without its bytes where `has` says that the caller has them.
    ///
    /// # Errors
    /// `NotFound`, one and the same whether there is no assistant, no picture, or nothing that
    /// the actor may see.
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

    /// The picture that is there now: one was replaced after its row was read, or after the copy
    /// was made that was taken for the row.
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
                // Somebody was at the blob store.
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

    /// Takes the picture away from an assistant; one that has none stays as it is.
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

    /// Has the assistant name another picture, then removes the bytes of the one before.
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
