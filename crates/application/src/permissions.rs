//! Permissions.

use std::borrow::Cow;

use async_trait::async_trait;
use colloquy_domain::{Actor, Assistant, Message, Run, Thread};

use crate::ports::{AssistantScope, ThreadScope};

/// A policy's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "an unchecked decision protects nothing"]
pub enum Decision {
    /// Permitted.
    Allow,
    /// Sign-in is required first.
    Unauthenticated,
    /// Refused, with a reason for the caller.
    Forbidden(Cow<'static, str>),
    /// The object's existence is hidden.
    Hidden,
}

impl Decision {
    /// A refusal. The caller reads the reason.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Forbidden(reason.into())
    }

    /// Whether it is [`Decision::Allow`].
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

/// Decides who may do what. Every method has a default.
///
/// # Obligations
/// - A list scope contains exactly what the view decision allows. Stores filter by it; the decision
///   checks what they return. Out of scope means missing, except that guests are asked to sign in
///   for enabled assistants where the decision says so.
/// - Decisions are free of side effects and depend only on the arguments and the policy's own data.
/// - A policy that cannot decide forbids.
#[async_trait]
pub trait PermissionPolicy: Send + Sync {
    /// Opening threads: signed-in users.
    async fn create_thread(&self, actor: &Actor) -> Decision {
        match actor {
            Actor::Guest => Decision::Unauthenticated,
            Actor::User(_) => Decision::Allow,
        }
    }

    /// Reading a thread: its owner and administrators. Hidden from others.
    async fn view_thread(&self, actor: &Actor, thread: &Thread) -> Decision {
        owner_or_administrator(actor, thread)
    }

    /// Changing a thread's fields: its owner.
    async fn update_thread(&self, actor: &Actor, thread: &Thread) -> Decision {
        owner_only(actor, thread, "Only its owner may change a thread.")
    }

    /// Deleting a thread: its owner and administrators.
    async fn delete_thread(&self, actor: &Actor, thread: &Thread) -> Decision {
        // Independent of `view_thread`: a policy that widens reading must not widen deletion.
        owner_or_administrator(actor, thread)
    }

    /// Posting to a thread: its owner.
    async fn create_message(&self, actor: &Actor, thread: &Thread) -> Decision {
        owner_only(actor, thread, "Only its owner may write in a thread.")
    }

    /// Deleting a message: the thread's owner.
    async fn delete_message(&self, actor: &Actor, thread: &Thread, _message: &Message) -> Decision {
        owner_only(
            actor,
            thread,
            "Only its owner may delete messages of a thread.",
        )
    }

    /// Ending a run: the thread's owner and administrators.
    async fn cancel_run(&self, actor: &Actor, thread: &Thread) -> Decision {
        owner_or_administrator(actor, thread)
    }

    /// Approving or declining tool calls of a paused run: the asking user. The run continues with
    /// that user's rights, whoever approves.
    async fn approve_call(&self, actor: &Actor, thread: &Thread, run: &Run) -> Decision {
        match actor.user_id() {
            Some(id) if run.user_id == Some(id) => Decision::Allow,
            _ => match owner_or_administrator(actor, thread) {
                Decision::Allow => Decision::forbidden("Only whoever asked may approve calls."),
                refusal => refusal,
            },
        }
    }

    /// Seeing an assistant: administrators all, users the enabled ones, guests the enabled public
    /// ones. Guests are asked to sign in for private ones.
    async fn view_assistant(&self, actor: &Actor, assistant: &Assistant) -> Decision {
        if actor.is_admin() {
            Decision::Allow
        } else if !assistant.is_enabled {
            Decision::Hidden
        } else if assistant.user_authentication && actor.user().is_none() {
            Decision::Unauthenticated
        } else {
            Decision::Allow
        }
    }

    /// Running an assistant: signed-in users, if it is enabled.
    async fn run_assistant(&self, actor: &Actor, assistant: &Assistant) -> Decision {
        match (actor, assistant.is_enabled) {
            (Actor::Guest, _) => Decision::Unauthenticated,
            (Actor::User(_), true) => Decision::Allow,
            (Actor::User(_), false) if actor.is_admin() => {
                Decision::forbidden("A disabled assistant does not answer.")
            }
            (Actor::User(_), false) => Decision::Hidden,
        }
    }

    /// Replacing what only administrators see of an assistant for one run, for example its model:
    /// administrators. `field` names what is replaced, as the caller sent it.
    async fn override_run(&self, actor: &Actor, _assistant: &Assistant, field: &str) -> Decision {
        match actor {
            Actor::Guest => Decision::Unauthenticated,
            Actor::User(_) if actor.is_admin() => Decision::Allow,
            Actor::User(_) => Decision::forbidden(format!("Only administrators may set {field}.")),
        }
    }

    /// Managing assistants and seeing their settings: administrators.
    async fn manage_assistants(&self, actor: &Actor) -> Decision {
        administrators_only(actor, "Only administrators manage assistants.")
    }

    /// Managing accounts: administrators.
    async fn manage_users(&self, actor: &Actor) -> Decision {
        administrators_only(actor, "Only administrators manage users.")
    }

    /// The assistants that `view_assistant` allows.
    async fn assistant_scope(&self, actor: &Actor) -> AssistantScope {
        match actor {
            Actor::Guest => AssistantScope::Public,
            Actor::User(_) if actor.is_admin() => AssistantScope::All,
            Actor::User(_) => AssistantScope::Enabled,
        }
    }

    /// The threads that `view_thread` allows.
    async fn thread_scope(&self, actor: &Actor) -> ThreadScope {
        match actor {
            Actor::Guest => ThreadScope::OwnedBy(Vec::new()),
            Actor::User(_) if actor.is_admin() => ThreadScope::All,
            Actor::User(user) => ThreadScope::OwnedBy(vec![user.id]),
        }
    }
}

/// The default policy.
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultPolicy;

impl PermissionPolicy for DefaultPolicy {}

enum Relation {
    Guest,
    Owner,
    Administrator,
    Stranger,
}

fn relation(actor: &Actor, thread: &Thread) -> Relation {
    match actor.user_id() {
        None => Relation::Guest,
        Some(id) if thread.owner_id == Some(id) => Relation::Owner,
        Some(_) if actor.is_admin() => Relation::Administrator,
        Some(_) => Relation::Stranger,
    }
}

fn owner_or_administrator(actor: &Actor, thread: &Thread) -> Decision {
    match relation(actor, thread) {
        Relation::Owner | Relation::Administrator => Decision::Allow,
        Relation::Guest => Decision::Unauthenticated,
        Relation::Stranger => Decision::Hidden,
    }
}

fn owner_only(actor: &Actor, thread: &Thread, reason: &'static str) -> Decision {
    match relation(actor, thread) {
        Relation::Owner => Decision::Allow,
        Relation::Administrator => Decision::forbidden(reason),
        Relation::Guest => Decision::Unauthenticated,
        Relation::Stranger => Decision::Hidden,
    }
}

fn administrators_only(actor: &Actor, reason: &'static str) -> Decision {
    match actor {
        Actor::Guest => Decision::Unauthenticated,
        Actor::User(_) if actor.is_admin() => Decision::Allow,
        Actor::User(_) => Decision::forbidden(reason),
    }
}
