use std::sync::Arc;

use colloquy_domain::{Actor, Assistant, AssistantRef, Thread, ThreadId};

use crate::Error;
use crate::permissions::{Decision, PermissionPolicy};
use crate::ports::{AssistantRepository, ThreadRepository};

/// The one way from an id to a thread or an assistant: through the policy. What is absent and
/// what the actor may not know of give the same error.
#[derive(Clone)]
pub struct Access {
    policy: Arc<dyn PermissionPolicy>,
    assistants: Arc<dyn AssistantRepository>,
    threads: Arc<dyn ThreadRepository>,
}

/// What the actor wants with a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadAction {
    View,
    Update,
    Delete,
    CreateMessage,
    CancelRun,
}

impl ThreadAction {
    /// The policy's name for it.
    const fn name(self) -> &'static str {
        match self {
            Self::View => "view_thread",
            Self::Update => "update_thread",
            Self::Delete => "delete_thread",
            Self::CreateMessage => "create_message",
            Self::CancelRun => "cancel_run",
        }
    }
}

/// What the actor wants with an assistant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssistantAction {
    View,
    Run,
}

impl AssistantAction {
    /// The policy's name for it.
    const fn name(self) -> &'static str {
        match self {
            Self::View => "view_assistant",
            Self::Run => "run_assistant",
        }
    }
}

impl Access {
    /// Guards these stores with that policy.
    #[must_use]
    pub fn new(
        policy: Arc<dyn PermissionPolicy>,
        assistants: Arc<dyn AssistantRepository>,
        threads: Arc<dyn ThreadRepository>,
    ) -> Self {
        Self {
            policy,
            assistants,
            threads,
        }
    }

    pub(crate) fn policy(&self) -> &dyn PermissionPolicy {
        &*self.policy
    }

    pub(crate) async fn thread(
        &self,
        actor: &Actor,
        id: ThreadId,
        action: ThreadAction,
    ) -> Result<Thread, Error> {
        let Some(thread) = self.threads.get(id).await? else {
            if matches!(actor, Actor::Guest) {
                // A guest is sent to sign in whether or not there is such a thread.
                Decision::Unauthenticated.require_of(actor, action.name())?;
            }
            return Err(Error::NotFound);
        };
        let decision = self.decide_thread(actor, &thread, action).await;
        decision.require_of(actor, action.name())?;
        Ok(thread)
    }

    async fn decide_thread(
        &self,
        actor: &Actor,
        thread: &Thread,
        action: ThreadAction,
    ) -> Decision {
        match action {
            ThreadAction::View => self.policy.view_thread(actor, thread).await,
            ThreadAction::Update => self.policy.update_thread(actor, thread).await,
            ThreadAction::Delete => self.policy.delete_thread(actor, thread).await,
            ThreadAction::CreateMessage => self.policy.create_message(actor, thread).await,
            ThreadAction::CancelRun => self.policy.cancel_run(actor, thread).await,
        }
    }

    pub(crate) async fn assistant(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
        action: AssistantAction,
    ) -> Result<Arc<Assistant>, Error> {
        let assistant = self
            .assistants
            .get(reference)
            .await?
            .ok_or(Error::NotFound)?;
        let decision = match action {
            AssistantAction::View => self.policy.view_assistant(actor, &assistant).await,
            AssistantAction::Run => self.policy.run_assistant(actor, &assistant).await,
        };
        decision.require_of(actor, action.name())?;
        Ok(assistant)
    }
}
