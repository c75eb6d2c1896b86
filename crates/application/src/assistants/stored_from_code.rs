//! Stores the assistants that are defined in code.

use colloquy_domain::{Assistant, AssistantRef, Avatar, ModelName, Slug};

use super::in_code::Registration;
use super::{Assistants, CodeAssistantError, NewAssistant};
use crate::Error;
use crate::ports::{AssistantScope, Constraint, PortError};

impl Assistants {
    /// Whether the assistant is defined in code and so cannot be changed over the API.
    #[must_use]
    pub fn is_defined_in_code(&self, assistant: &Assistant) -> bool {
        self.access.code().defines(assistant)
    }

    /// Stores every assistant that is defined in code: adds new ones, updates changed ones, keeps
    /// pictures. Called once, before serving.
    ///
    /// # Errors
    /// A definition is refused, as by [`Assistants::create`], or cannot be stored.
    pub async fn store_from_code(&self) -> Result<(), CodeAssistantError> {
        for registration in self.access.code().iter() {
            let stored = self.store(registration).await;
            stored.map_err(|source| CodeAssistantError::NotStored {
                slug: registration.slug.clone(),
                source,
            })?;
        }
        Ok(())
    }

    async fn store(&self, registration: &Registration) -> Result<(), Error> {
        let Registration {
            slug, definition, ..
        } = registration;
        let model = self.check_new(definition).await?;
        match self
            .bring_up_to_date(slug, definition, model.clone())
            .await?
        {
            Found::Yes => return Ok(()),
            Found::No => {}
        }
        match self
            .add(definition.clone(), slug.clone(), model.clone())
            .await
        {
            // Another instance added it first.
            Err(PortError::Conflict(Constraint::AssistantSlug)) => {
                self.bring_up_to_date(slug, definition, model).await?;
            }
            added => {
                added?;
                tracing::info!(assistant.slug = slug.as_str(), "assistant added from code");
            }
        }
        Ok(())
    }

    async fn bring_up_to_date(
        &self,
        slug: &Slug,
        definition: &NewAssistant,
        model: ModelName,
    ) -> Result<Found, Error> {
        let reference = AssistantRef::Slug(slug.clone());
        let scope = AssistantScope::All;
        let Some(stored) = self.assistants.get(&reference, &scope).await? else {
            return Ok(Found::No);
        };
        let now = self.clock.now();
        let change = |old: &Assistant| {
            let mut new =
                definition
                    .clone()
                    .into_assistant(old.id, old.slug.clone(), model.clone(), now);
            new.avatar = definition.avatar.clone().applied_to(Avatar {
                image: old.avatar.image.clone(),
                ..Avatar::default()
            });
            new.caching.generation = old.caching.generation;
            new.created_at = old.created_at;
            new.updated_at = old.updated_at;
            new.revision = old.revision;
            (new != *old).then(|| Assistant {
                revision: old.revision.saturating_add(1),
                updated_at: now,
                ..new
            })
        };
        if change(&stored).is_none() {
            return Ok(Found::Yes);
        }
        match self.assistants.update(stored.id, &change).await {
            // Another instance made the same change first.
            Err(PortError::Conflict(Constraint::AssistantRevision)) => {}
            updated => {
                updated?;
                tracing::info!(
                    assistant.slug = slug.as_str(),
                    "assistant updated from code"
                );
            }
        }
        Ok(Found::Yes)
    }
}

enum Found {
    Yes,
    No,
}
