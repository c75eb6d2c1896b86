//! Assistants defined in code.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_domain::{Actor, Assistant, Instructions, Slug, ThreadId, ToolRef};
use tokio::time::timeout;

use super::NewAssistant;
use crate::Error;
use crate::ports::{BoxError, PortError};
use crate::tools::{Tool, Toolbox, ToolboxError};

/// An assistant defined in code.
///
/// Stored at start, under its slug. The API shows it like any other but refuses to change or delete
/// it.
#[async_trait]
pub trait CodeAssistant: Send + Sync {
    /// The stored assistant. Without a slug, the slug is derived from the name.
    ///
    /// # Errors
    /// A value breaks a rule; the service does not start.
    fn definition(&self) -> Result<NewAssistant, BoxError>;

    /// Tools of the assistant. Registered by name for the whole service and appended to the
    /// definition's tools.
    fn tools(&self) -> Vec<Arc<dyn Tool>> {
        Vec::new()
    }

    /// The instructions for one request; by default the definition's. Limited to 5 s.
    ///
    /// # Errors
    /// Logged; the request fails and no run starts.
    async fn instructions(&self, _request: &RequestContext) -> Result<Instructions, BoxError> {
        Ok(self.definition()?.instructions)
    }
}

/// The request that instructions are made for.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Who asks.
    pub actor: Actor,
    /// The thread of the message.
    pub thread_id: ThreadId,
    /// The time of the request.
    pub now: DateTime<Utc>,
}

/// The assistants defined in code, in order of addition.
#[derive(Clone, Default)]
pub struct CodeAssistants(Vec<Arc<Registration>>);

pub(super) struct Registration {
    pub(super) slug: Slug,
    pub(super) definition: NewAssistant,
    assistant: Arc<dyn CodeAssistant>,
}

/// Why an assistant cannot be defined in code.
#[derive(Debug, thiserror::Error)]
pub enum CodeAssistantError {
    /// Its definition breaks a rule.
    #[error("invalid definition of the assistant {type_name}")]
    Definition {
        /// The Rust type that implements [`CodeAssistant`].
        type_name: &'static str,
        /// The broken rule.
        #[source]
        source: BoxError,
    },
    /// Another one has its slug.
    #[error("two assistants are defined with the slug {0}")]
    DuplicateSlug(Slug),
    /// One of its tools cannot be registered.
    #[error("invalid tools of the assistant {slug}")]
    Tools {
        /// The assistant.
        slug: Slug,
        /// What is wrong with the tool.
        #[source]
        source: ToolboxError,
    },
    /// It cannot be stored.
    #[error("the assistant {slug} cannot be stored")]
    NotStored {
        /// The assistant.
        slug: Slug,
        /// The reason.
        #[source]
        source: Error,
    },
}

/// Time limit for instructions.
const INSTRUCTIONS_TIME: Duration = Duration::from_secs(5);

impl CodeAssistants {
    pub(crate) fn add<A: CodeAssistant + 'static>(
        &mut self,
        assistant: A,
        toolbox: &mut Toolbox,
    ) -> Result<(), CodeAssistantError> {
        let mut definition =
            assistant
                .definition()
                .map_err(|source| CodeAssistantError::Definition {
                    type_name: std::any::type_name::<A>(),
                    source,
                })?;
        let derived = || Slug::derive(definition.name.as_str(), 1);
        let slug = definition.slug.clone().unwrap_or_else(derived);
        if self.get(&slug).is_some() {
            return Err(CodeAssistantError::DuplicateSlug(slug));
        }
        for tool in assistant.tools() {
            let name = tool.definition().name;
            toolbox
                .add(tool)
                .map_err(|source| CodeAssistantError::Tools {
                    slug: slug.clone(),
                    source,
                })?;
            definition.tools.push(ToolRef::Registered(name));
        }
        self.0.push(Arc::new(Registration {
            slug,
            definition,
            assistant: Arc::new(assistant),
        }));
        Ok(())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Registration>> {
        self.0.iter()
    }

    fn get(&self, slug: &Slug) -> Option<&Arc<Registration>> {
        self.0.iter().find(|it| it.slug == *slug)
    }

    pub(crate) fn defines(&self, assistant: &Assistant) -> bool {
        self.get(&assistant.slug).is_some()
    }

    /// The assistant with its instructions for this request; returns those too if they differ from
    /// the stored ones.
    ///
    /// # Errors
    /// The assistant's code fails or takes too long.
    pub(crate) async fn instruct(
        &self,
        assistant: Arc<Assistant>,
        request: &RequestContext,
    ) -> Result<(Arc<Assistant>, Option<Instructions>), Error> {
        let Some(registration) = self.get(&assistant.slug) else {
            return Ok((assistant, None));
        };
        let instructions = registration.assistant.instructions(request);
        let instructions = match timeout(INSTRUCTIONS_TIME, instructions).await {
            Ok(instructions) => instructions.map_err(PortError::Other)?,
            Err(_elapsed) => return Err(PortError::unavailable(too_slow(&assistant.slug)).into()),
        };
        if instructions == assistant.instructions {
            return Ok((assistant, None));
        }
        let assistant = Arc::new(Assistant {
            instructions: instructions.clone(),
            ..Arc::unwrap_or_clone(assistant)
        });
        Ok((assistant, Some(instructions)))
    }
}

fn too_slow(slug: &Slug) -> String {
    format!("the instructions of the assistant {slug} took longer than 5 s")
}

impl std::fmt::Debug for CodeAssistants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let slugs = self.0.iter().map(|it| it.slug.as_str());
        f.debug_set().entries(slugs).finish()
    }
}
