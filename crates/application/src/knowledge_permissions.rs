//! Permissions on files.

use async_trait::async_trait;
use colloquy_domain::{Actor, File};

use crate::permissions::{Decision, DefaultPolicy};
use crate::ports::FileScope;

/// Decides who may do what with files. Every method has a default; a team overrides what it needs.
/// It has the obligations of a [`PermissionPolicy`](crate::permissions::PermissionPolicy).
#[async_trait]
pub trait KnowledgePolicy: Send + Sync {
    /// Uploading files: signed-in users.
    async fn create_file(&self, actor: &Actor) -> Decision {
        match actor {
            Actor::Guest => Decision::Unauthenticated,
            Actor::User(_) => Decision::Allow,
        }
    }

    /// Seeing a file's fields: its owner and administrators. Hidden from others.
    async fn view_file(&self, actor: &Actor, file: &File) -> Decision {
        owner_or_administrator(actor, file)
    }

    /// Reading a file's bytes: its owner and administrators.
    async fn read_file(&self, actor: &Actor, file: &File) -> Decision {
        owner_or_administrator(actor, file)
    }

    /// Changing a file's fields: its owner and administrators.
    async fn update_file(&self, actor: &Actor, file: &File) -> Decision {
        owner_or_administrator(actor, file)
    }

    /// Deleting a file: its owner and administrators.
    async fn delete_file(&self, actor: &Actor, file: &File) -> Decision {
        owner_or_administrator(actor, file)
    }

    /// The files that `view_file` allows.
    async fn file_scope(&self, actor: &Actor) -> FileScope {
        match actor {
            Actor::Guest => FileScope::OwnedBy(Vec::new()),
            Actor::User(_) if actor.is_admin() => FileScope::All,
            Actor::User(user) => FileScope::OwnedBy(vec![user.id]),
        }
    }
}

impl KnowledgePolicy for DefaultPolicy {}

fn owner_or_administrator(actor: &Actor, file: &File) -> Decision {
    match actor.user_id() {
        None => Decision::Unauthenticated,
        Some(user) if file.owner_id == Some(user) || actor.is_admin() => Decision::Allow,
        Some(_) => Decision::Hidden,
    }
}
