//! Answers from deleted conversations are not reused.

use std::sync::Arc;

use colloquy_domain::{MessageKind, UserId};

use super::missed;
use crate::ports::{
    AnswerCache, AnswerOrigin, AnswerSource, MessageRepository, PortError, ThreadRepository,
    ThreadScope, UserRepository,
};

/// Where answers came from.
#[derive(Clone)]
pub struct AnswerSources {
    /// Threads.
    pub threads: Arc<dyn ThreadRepository>,
    /// Questions and answers.
    pub messages: Arc<dyn MessageRepository>,
    /// Askers and owners.
    pub users: Arc<dyn UserRepository>,
}

impl AnswerSources {
    /// Whether the thread, both messages, the owner and the asker still exist.
    async fn are_there(&self, source: &AnswerSource) -> Result<bool, PortError> {
        let thread = self.threads.get(source.thread, &ThreadScope::All).await?;
        let Some(owner) = thread.and_then(|thread| thread.owner_id) else {
            return Ok(false);
        };
        let asker = source.asker.filter(|asker| *asker != owner);
        for user in [Some(owner), asker].into_iter().flatten() {
            if !self.is_there(user).await? {
                return Ok(false);
            }
        }
        let exchange = self.messages.of_run(source.thread, source.run).await?;
        let has = |kind| exchange.iter().any(|message| message.kind == kind);
        Ok(has(MessageKind::Human) && has(MessageKind::Ai))
    }

    async fn is_there(&self, user: UserId) -> Result<bool, PortError> {
        Ok(self.users.get(user).await?.is_some())
    }

    /// Whether the answer may be reused. If its source is gone or unknown, it is dropped from the
    /// cache.
    pub(super) async fn allow(&self, source: &AnswerSource, cache: &dyn AnswerCache) -> bool {
        let is_there = self
            .are_there(source)
            .await
            .unwrap_or_else(|error| missed(&error));
        if !is_there {
            forget(cache, AnswerOrigin::Run(source.thread, source.run)).await;
        }
        is_there
    }
}

/// Removes the answers of something that was deleted. Failures are logged only: lookups check the
/// source anyway.
pub(crate) async fn forget(cache: &dyn AnswerCache, origin: AnswerOrigin) {
    if let Err(error) = cache.forget(origin).await {
        missed::<()>(&error);
    }
}
