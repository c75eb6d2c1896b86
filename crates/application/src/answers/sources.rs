//! What was deleted is not answered from.

use std::sync::Arc;

use colloquy_domain::{MessageKind, UserId};

use super::missed;
use crate::ports::{
    AnswerCache, AnswerOrigin, AnswerSource, MessageRepository, PortError, ThreadRepository,
    ThreadScope, UserRepository,
};

/// Where answers come from, as readers see it.
#[derive(Clone)]
pub struct AnswerSources {
    /// Keeps the threads.
    pub threads: Arc<dyn ThreadRepository>,
    /// Keeps the questions and the answers.
    pub messages: Arc<dyn MessageRepository>,
    /// Keeps those who asked.
    pub users: Arc<dyn UserRepository>,
}

impl AnswerSources {
    /// Whether the thread, both messages, the thread's owner and who asked are all there.
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
        let said = self.messages.of_run(source.thread, source.run).await?;
        let has = |kind| said.iter().any(|message| message.kind == kind);
        Ok(has(MessageKind::Human) && has(MessageKind::Ai))
    }

    async fn is_there(&self, user: UserId) -> Result<bool, PortError> {
        Ok(self.users.get(user).await?.is_some())
    }

    /// Whether an answer from there may be given. It is forgotten unless its source is known to be
    /// there.
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

/// Removes the answers that go with something that was deleted. What fails is logged: none of them
/// is given any more anyway.
pub(crate) async fn forget(cache: &dyn AnswerCache, origin: AnswerOrigin) {
    if let Err(error) = cache.forget(origin).await {
        missed::<()>(&error);
    }
}
