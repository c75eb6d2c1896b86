//! One contract suite per port: async functions that test an empty store behind the trait object
//! and panic on a violation.
//!
//! An adapter runs a suite as one `#[test]` per contract:
//!
//! ```ignore
//! mod sqlite {
//!     async fn stores() -> Option<(Stores, TempDir)> { /* an empty store and its guard */ }
//!     colloquy_application::user_contracts!(stores);
//!     colloquy_application::token_contracts!(stores);
//! }
//! ```
//!
//! The maker reports and returns `None` if the store is unavailable; the test is skipped. The
//! adapter needs tokio with `macros` and `rt-multi-thread`.

// A contract's name states what it proves.
#![expect(missing_docs, reason = "a contract's name states what it proves")]

use std::future::Future;

use colloquy_domain::{AccessToken, Assistant, Message, Run, RunEnding, RunId, Thread, User};
use futures_util::future::join_all;

use super::samples::{Samples, password_hash, token_hash};
use super::steps::{RunStart, RunSteps as _, SavedRun};
use crate::Stores;
use crate::ports::{AbandonedRuns, Constraint, Grounds, PortError};

pub mod administrators;
pub mod answers;
pub mod assistant_lists;
pub mod assistants;
pub mod avatars;
pub mod blobs;
pub mod deletions;
pub mod embedders;
pub mod events;
pub mod files;
pub mod forced_ends;
pub mod grounds;
pub mod idempotency;
pub mod images;
pub mod leases;
mod logs;
pub mod matchers;
pub mod messages;
pub mod pauses;
pub mod revisions;
pub mod run_settings;
pub mod runs;
pub mod sign_ins;
pub mod starts;
mod suites;
pub mod threads;
pub mod tokens;
pub mod tool_events;
pub mod users;

impl Stores {
    async fn has_user(&self, make: &Samples, email: &str) -> User {
        let user = make.user(email);
        let hash = password_hash("stored");
        self.users.add(&user, Some(&hash)).await.unwrap();
        user
    }

    /// Stores the token, with a hash of that byte repeated.
    async fn has_token(&self, token: &AccessToken, byte: u8) {
        let (hash, grounds) = (token_hash(byte), Grounds::Operator);
        self.tokens.add(token, &hash, &grounds).await.unwrap();
    }

    async fn has_assistant(&self, make: &Samples, name: &str) -> Assistant {
        let assistant = make.assistant(name);
        self.assistants.add(&assistant).await.unwrap();
        assistant
    }

    async fn has_thread(&self, make: &Samples) -> Thread {
        let email = format!("{}@example.org", make.user_id());
        let owner = self.has_user(make, &email).await;
        let thread = make.thread(owner.id);
        self.threads.add(&thread).await.unwrap();
        thread
    }

    /// See [`steps::force_end`](super::steps::force_end).
    ///
    /// # Errors
    /// `NotFound`, the store's.
    pub async fn force_end(&self, run: RunId, ending: &RunEnding) -> Result<Run, PortError> {
        super::steps::force_end(&*self.runs, &*self.events, run, ending).await
    }

    /// See [`steps::interrupt`](super::steps::interrupt).
    ///
    /// # Errors
    /// The store's.
    pub async fn interrupt(
        &self,
        abandoned: AbandonedRuns,
        ending: &RunEnding,
    ) -> Result<Vec<RunId>, PortError> {
        super::steps::interrupt(&*self.runs, &*self.events, abandoned, ending).await
    }

    async fn starts(&self, start: &RunStart) -> Message {
        new(self.runs.start(start).await.unwrap())
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "a broken contract ends the test")]
fn new(saved: SavedRun) -> Message {
    match saved {
        SavedRun::New(message) => message,
        SavedRun::Known(run) => panic!("expected a new run, got {run:?}"),
    }
}

/// Makes the calls concurrently, each in its own task. Results are in call order.
async fn at_once<T: Send + 'static>(
    calls: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let answers = join_all(tasks).await;
    answers.into_iter().map(Result::unwrap).collect()
}

#[track_caller]
fn assert_not_found<T: std::fmt::Debug>(answer: Result<T, PortError>) {
    let error = answer.unwrap_err();
    assert!(matches!(error, PortError::NotFound), "{error:?}");
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(answer: Result<T, PortError>, constraint: Constraint) {
    let error = answer.unwrap_err();
    let is_expected = matches!(error, PortError::Conflict(broken) if broken == constraint);
    assert!(is_expected, "{error:?} instead of {constraint:?}");
}

/// Asserts that one of the competing calls succeeded and the others met the constraint. Returns the
/// winner's result.
#[track_caller]
fn only_winner<T: std::fmt::Debug>(
    answers: Vec<Result<T, PortError>>,
    constraint: Constraint,
) -> T {
    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1, "exactly one call succeeds");
    lost.into_iter()
        .for_each(|answer| assert_conflict(answer, constraint));
    won.into_iter().next().unwrap().unwrap()
}
