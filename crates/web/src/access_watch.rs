//! Re-checks a reader's access to a thread while a response is streamed.

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

/// Token lookups may be four seconds old; the sum stays below five.
const ROUND: Duration = Duration::from_millis(750);
/// Thread access, a store query, is checked every 3.75 s.
const THREAD_ROUNDS: usize = 5;

/// A caller's token and access rights, re-checked during a stream.
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
    /// Completes when the caller may no longer see the thread.
    pub async fn lost(self, thread: ThreadId) {
        let mut known = None;
        for round in (0..THREAD_ROUNDS).cycle() {
            sleep(ROUND).await;
            let is_due = round + 1 == THREAD_ROUNDS;
            match self.look(thread, &mut known, is_due).await {
                // A store failure says nothing about the caller.
                Ok(()) | Err(Error::Port(_)) => {}
                Err(_) => return,
            }
        }
    }

    /// Checks the token and, if due or if the user is no longer `known`, access to the thread.
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
