use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use colloquy_application::Error;
use colloquy_application::threads::Threads;
use colloquy_application::tokens::Tokens;
use colloquy_domain::{Actor, ThreadId};
use tokio::time::sleep;

use super::actor::presented;
use crate::problem::Problem;

/// How often a caller's standing is looked at. What is known of a token may be four seconds old;
/// together they stay below five.
const ROUND: Duration = Duration::from_millis(750);

/// What a caller's rights rest on, to look at them again while an answer goes on.
pub(crate) struct Standing {
    tokens: Tokens,
    threads: Threads,
    token: String,
}

impl<S: Sync> FromRequestParts<S> for Standing
where
    Tokens: FromRef<S>,
    Threads: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = presented(&parts.headers)?.ok_or_else(Problem::unauthenticated)?;
        Ok(Self {
            tokens: Tokens::from_ref(state),
            threads: Threads::from_ref(state),
            token: token.to_owned(),
        })
    }
}

impl Standing {
    /// Waits until the caller may not see the thread any more, or the thread is gone.
    pub(crate) async fn lost(self, thread: ThreadId) {
        loop {
            sleep(ROUND).await;
            match self.sees(thread).await {
                // A store that is away says nothing about the caller.
                Ok(()) | Err(Error::Port(_)) => {}
                Err(_) => return,
            }
        }
    }

    async fn sees(&self, thread: ThreadId) -> Result<(), Error> {
        let session = self.tokens.authenticate(&self.token).await?;
        self.threads.get(&Actor::User(session.user), thread).await?;
        Ok(())
    }
}
