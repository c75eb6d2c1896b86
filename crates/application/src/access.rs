//! Access to threads and assistants through the policy.

use std::sync::Arc;

use colloquy_domain::{
    Actor, Assistant, AssistantId, AssistantRef, Instructions, Thread, ThreadId,
};

use crate::Error;
use crate::assistants::{CodeAssistants, RequestContext};
use crate::audit;
use crate::permissions::{Decision, PermissionPolicy};
use crate::ports::{AssistantRepository, AssistantScope, Clock, PortError, ThreadRepository};

/// Resolves IDs to threads and assistants through the policy. Missing and hidden give the same
/// error.
#[derive(Clone)]
pub(crate) struct Access {
    policy: Arc<dyn PermissionPolicy>,
    assistants: Arc<dyn AssistantRepository>,
    threads: Arc<dyn ThreadRepository>,
    code: CodeAssistants,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ThreadAction {
    View,
    Update,
    Delete,
    CreateMessage,
    CancelRun,
}

impl ThreadAction {
    /// The policy method's name, for the audit log.
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AssistantAction {
    View,
    Run,
}

impl AssistantAction {
    const fn name(self) -> &'static str {
        match self {
            Self::View => "view_assistant",
            Self::Run => "run_assistant",
        }
    }
}

impl Access {
    pub(crate) fn new(
        policy: Arc<dyn PermissionPolicy>,
        assistants: Arc<dyn AssistantRepository>,
        threads: Arc<dyn ThreadRepository>,
        code: CodeAssistants,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            policy,
            assistants,
            threads,
            code,
            clock,
        }
    }

    pub(crate) const fn code(&self) -> &CodeAssistants {
        &self.code
    }

    /// The assistant, with its instructions for this request if defined in code.
    pub(crate) async fn instructed(
        &self,
        assistant: Arc<Assistant>,
        actor: &Actor,
        thread_id: ThreadId,
    ) -> Result<(Arc<Assistant>, Option<Instructions>), Error> {
        let request = RequestContext {
            actor: actor.clone(),
            thread_id,
            now: self.clock.now(),
        };
        self.code.instruct(assistant, &request).await
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
        // The scope is part of the query, so that hidden and missing take the same time.
        let scope = self.policy.thread_scope(actor).await;
        let Some(thread) = self.threads.get(id, &scope).await? else {
            return Err(refusal(actor, action.name()));
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
        let found = match self.assistant_in_scope(actor, reference).await? {
            None if actor.user().is_none() => self.private_assistant(reference).await?,
            found => found,
        };
        let Some(assistant) = found else {
            return Err(hidden(actor, action.name()));
        };
        let decision = match action {
            AssistantAction::View => self.policy.view_assistant(actor, &assistant).await,
            AssistantAction::Run => self.policy.run_assistant(actor, &assistant).await,
        };
        decision.require_of(actor, action.name())?;
        Ok(assistant)
    }

    /// Whether a run's actor may still use the assistant: it exists, and is enabled unless the
    /// policy allows disabled ones.
    pub(crate) async fn keeps_assistant(
        &self,
        actor: &Actor,
        id: AssistantId,
    ) -> Result<bool, PortError> {
        let everything = AssistantScope::All;
        let Some(found) = self.assistants.get(&id.into(), &everything).await? else {
            return Ok(false);
        };
        if found.is_enabled {
            return Ok(true);
        }
        match self
            .assistant(actor, &id.into(), AssistantAction::Run)
            .await
        {
            Ok(_) => Ok(true),
            Err(Error::Port(error)) => Err(error),
            Err(_refused) => Ok(false),
        }
    }

    /// The assistant as of that revision, ignoring permissions.
    pub(crate) async fn revision(
        &self,
        id: AssistantId,
        revision: u32,
    ) -> Result<Option<Assistant>, PortError> {
        self.assistants.revision(id, revision).await
    }

    /// The assistant, if in the actor's scope. Hidden and missing take the same time.
    pub(crate) async fn assistant_in_scope(
        &self,
        actor: &Actor,
        reference: &AssistantRef,
    ) -> Result<Option<Arc<Assistant>>, Error> {
        let scope = self.policy.assistant_scope(actor).await;
        Ok(self.assistants.get(reference, &scope).await?)
    }

    /// An assistant that a guest may see after signing in.
    async fn private_assistant(
        &self,
        reference: &AssistantRef,
    ) -> Result<Option<Arc<Assistant>>, Error> {
        let scope = AssistantScope::Enabled;
        Ok(self.assistants.get(reference, &scope).await?)
    }
}

/// The error for a missing or out-of-scope thread or file. Guests are asked to sign in.
pub(crate) fn refusal(actor: &Actor, action: &'static str) -> Error {
    match actor {
        Actor::Guest => {
            audit::access_denied(actor, action, "unauthenticated");
            Error::Unauthenticated
        }
        Actor::User(_) => hidden(actor, action),
    }
}

fn hidden(actor: &Actor, action: &'static str) -> Error {
    audit::access_denied(actor, action, "hidden");
    Error::NotFound
}
