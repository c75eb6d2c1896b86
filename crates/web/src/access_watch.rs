//! Re-checks during a streamed response that its reader may still see the thread.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use colloquy_application::Error;
use colloquy_application::threads::Threads;
use colloquy_application::tokens::Tokens;
use colloquy_domain::{Actor, ThreadId, User};
use tokio::time::sleep;

use crate::problem::Problem;
use crate::sign_in::presented;

/// Interval of token checks. Token lookups may be four seconds old; together they stay below five.
const ROUND: Duration = Duration::from_millis(750);
/// Re-checks thread access, which queries the store, every fifth tick: every 3.75 s.
const THREAD_ROUNDS: usize = 5;

/// The caller's token and access rights, to be re-checked while a response is streamed.
pub struct AccessWatch {
    tokens: Arc<Tokens>,
    threads: Arc<Threads>,
    token: String,
}

impl<S: Sync> FromRequestParts<S> for AccessWatch
where
    Arc<Tokens>: FromRef<S>,
    Arc<Threads>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = presented(&parts.headers)?.ok_or_else(Problem::unauthenticated)?;
        Ok(Self {
            tokens: Arc::<Tokens>::from_ref(state),
            threads: Arc::<Threads>::from_ref(state),
            token: token.to_owned(),
        })
    }
}

impl AccessWatch {
    /// Waits until the caller may no longer see the thread, or the thread is gone.
    pub async fn lost(self, thread: ThreadId) {
        let mut known = None;
        for round in (0..THREAD_ROUNDS).cycle() {
            sleep(ROUND).await;
            let is_due = round + 1 == THREAD_ROUNDS;
            match self.look(thread, &mut known, is_due).await {
                // An unavailable store says nothing about the caller.
                Ok(()) | Err(Error::Port(_)) => {}
                Err(_) => return,
            }
        }
    }

    /// Whether the token is still valid and, if due or if the user is no longer `known`, whether
    /// they may see the thread.
    async fn look(
        &self,
        thread: ThreadId,
        known: &mut Option<Arc<User>>,
        is_due: bool,
    ) -> Result<(), Error> {
        let user = self.tokens.authenticate(&self.token).await?.user;
        if is_due || known.as_ref().is_some_and(|known| *known != user) {
            self.threads.get(&Actor::User(user.clone()), thread).await?;
        }
        *known = Some(user);
        Ok(())
    }
}
