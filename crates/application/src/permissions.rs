//! Who may do what.

use std::borrow::Cow;

use async_trait::async_trait;
use colloquy_domain::{Actor, Assistant, Message, Thread};

use crate::ports::{AssistantScope, ThreadScope};

/// The answer to "may they?".
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a decision that nobody looks at protects nothing"]
pub enum Decision {
    /// They may.
    Allow,
    /// Perhaps, but first they must sign in.
    Unauthenticated,
    /// They may not, and are told why.
    Forbidden(Cow<'static, str>),
    /// They may not even know that it exists.
    Hidden,
}

impl Decision {
    /// A refusal with its reason, a sentence that the caller will read.
    pub fn forbidden(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Forbidden(reason.into())
    }

    /// Whether it is [`Decision::Allow`].
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allow)
    }
}

/// Decides who may do what. Every method has the default of the service, so that a team overrides
/// only what it wants and composes its server with that.
///
/// # Obligations
/// - A list scope takes in exactly what the view decision allows: the scope goes into the query, of
///   lists and of single records, and the decision guards what it finds. What is out of scope is
///   to the actor as if it were not there, except that guests are asked to sign in for enabled
///   assistants where the decision says so.
/// - A decision depends on its arguments and on what the policy itself knows; it changes nothing.
/// - A policy that cannot decide, because what it asks does not answer, forbids.
#[async_trait]
pub trait PermissionPolicy: Send + Sync {
    /// May the actor open a thread? Any signed-in user may.
    async fn create_thread(&self, actor: &Actor) -> Decision {
        match actor {
            Actor::Guest => Decision::Unauthenticated,
            Actor::User(_) => Decision::Allow,
        }
    }

    /// May the actor read this thread? Its owner and administrators may; nobody else learns of it.
    async fn view_thread(&self, actor: &Actor, thread: &Thread) -> Decision {
        owner_or_administrator(actor, thread)
    }

    /// May the actor change this thread's own fields? Its owner may.
    async fn update_thread(&self, actor: &Actor, thread: &Thread) -> Decision {
        owner_only(actor, thread, "Only its owner may change a thread.")
    }

    /// May the actor delete this thread? Its owner and administrators may.
    async fn delete_thread(&self, actor: &Actor, thread: &Thread) -> Decision {
        // Not by way of `view_thread`: who lets more people read must not let them delete.
        owner_or_administrator(actor, thread)
    }

    /// May the actor post into this thread? Its owner may.
    async fn create_message(&self, actor: &Actor, thread: &Thread) -> Decision {
        owner_only(actor, thread, "Only its owner may write in a thread.")
    }

    /// May the actor delete this message of this thread? The thread's owner may.
    async fn delete_message(&self, actor: &Actor, thread: &Thread, _message: &Message) -> Decision {
        owner_only(
            actor,
            thread,
            "Only its owner may delete messages of a thread.",
        )
    }

    /// May the actor end a run of this thread? Its owner and administrators may.
    async fn cancel_run(&self, actor: &Actor, thread: &Thread) -> Decision {
        owner_or_administrator(actor, thread)
    }

    /// May the actor see this assistant? Administrators see every one, users the enabled ones,
    /// guests the enabled public ones; a private one asks a guest to sign in.
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

    /// May the actor have this assistant answer? Any signed-in user may, if it is enabled.
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

    /// May the actor create, change and delete assistants, and see their inner settings?
    /// Administrators may.
    async fn manage_assistants(&self, actor: &Actor) -> Decision {
        administrators_only(actor, "Only administrators manage assistants.")
    }

    /// May the actor see and change accounts? Administrators may.
    async fn manage_users(&self, actor: &Actor) -> Decision {
        administrators_only(actor, "Only administrators manage users.")
    }

    /// Which assistants there are for the actor: those that `view_assistant` allows.
    async fn assistant_scope(&self, actor: &Actor) -> AssistantScope {
        match actor {
            Actor::Guest => AssistantScope::Public,
            Actor::User(_) if actor.is_admin() => AssistantScope::All,
            Actor::User(_) => AssistantScope::Enabled,
        }
    }

    /// Which threads there are for the actor: those that `view_thread` allows.
    async fn thread_scope(&self, actor: &Actor) -> ThreadScope {
        match actor {
            Actor::Guest => ThreadScope::OwnedBy(Vec::new()),
            Actor::User(_) if actor.is_admin() => ThreadScope::All,
            Actor::User(user) => ThreadScope::OwnedBy(vec![user.id]),
        }
    }
}

/// The service's own policy: every default of [`PermissionPolicy`].
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultPolicy;

impl PermissionPolicy for DefaultPolicy {}

/// What an actor is to a thread.
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
