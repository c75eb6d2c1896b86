//! Runs that end without an answer.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{
    AbandonedRuns, ActiveRun, Committed, Expected, HealthCheck as _, InstanceId, Observer,
    PortError, RunCommit, RunRepository, RunSummary, UserChanges,
};
use colloquy_application::testing::fakes::Script;
use colloquy_application::{Error, Ports, Settings, UseCases};
use colloquy_domain::{Assistant, Role, Run, RunErrorCode, RunId, RunStatus, ThreadId};

use support::{INSTANCE, Service};

/// A store that refuses the end of a run.
struct Endless {
    runs: Arc<dyn RunRepository>,
    tries: AtomicUsize,
}

#[async_trait]
impl RunRepository for Endless {
    async fn commit(&self, commit: &RunCommit) -> Result<Committed, PortError> {
        if matches!(commit.expected, Expected::HeldBy { .. }) {
            self.tries.fetch_add(1, Ordering::Relaxed);
            return Err(PortError::other("no room for this"));
        }
        self.runs.commit(commit).await
    }

    async fn renew(
        &self,
        holder: InstanceId,
        runs: &[RunId],
        expires_at: DateTime<Utc>,
    ) -> Result<Vec<RunId>, PortError> {
        self.runs.renew(holder, runs, expires_at).await
    }

    async fn abandoned(&self, abandoned: AbandonedRuns) -> Result<Vec<RunId>, PortError> {
        self.runs.abandoned(abandoned).await
    }

    async fn active(&self, id: RunId) -> Result<Option<ActiveRun>, PortError> {
        self.runs.active(id).await
    }

    async fn find(&self, id: RunId) -> Result<Option<Run>, PortError> {
        self.runs.find(id).await
    }

    async fn get(&self, thread: ThreadId, id: RunId) -> Result<Option<Run>, PortError> {
        self.runs.get(thread, id).await
    }

    async fn list(
        &self,
        thread: ThreadId,
        after: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<Run>, PortError> {
        self.runs.list(thread, after, limit).await
    }
}

/// The same service with changed ports.
fn changed(service: &Service, change: impl FnOnce(&mut Ports)) -> UseCases {
    let mut ports = service.memory.ports(service.model.clone());
    change(&mut ports);
    UseCases::new(ports, Arc::new(DefaultPolicy), Settings::new(INSTANCE))
}

async fn find(service: &Service, run: RunId) -> Run {
    service
        .memory
        .stores()
        .runs
        .find(run)
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_end_cannot_be_stored_is_ended_as_interrupted_and_its_thread_is_free() {
    let mut service = Service::with([Script::answer("lost"), Script::answer("kept")]).await;
    let before = service.use_cases.clone();
    let endless = Arc::new(Endless {
        runs: service.memory.stores().runs,
        tries: AtomicUsize::new(0),
    });
    service.use_cases = changed(&service, |ports| ports.stores.runs = endless.clone());
    let started = service.post("Hi").await.unwrap();
    let run = started.run.id;
    let mut follower = started.follow(0);
    assert!(matches!(started.wait().await, Err(Error::Port(_))));
    assert!(endless.tries.load(Ordering::Relaxed) > 10);
    // Followers are told too.
    let mut last = None;
    while let Some(events) = follower.next().await.unwrap() {
        last = events.last().cloned();
    }
    assert!(last.unwrap().kind.is_last());
    let error = find(&service, run).await.error.unwrap();
    assert_eq!(error.code, RunErrorCode::Interrupted);
    service.use_cases = before;
    assert_eq!(service.ask("Again").await.unwrap().output(), Some("kept"));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_cannot_store_the_end_of_a_run_is_not_ready() {
    let mut service = Service::with([Script::answer("lost")]).await;
    let endless = Arc::new(Endless {
        runs: service.memory.stores().runs,
        tries: AtomicUsize::new(0),
    });
    service.use_cases = changed(&service, |ports| ports.stores.runs = endless.clone());
    let engine = service.use_cases.engine.clone();
    let started = service.post("Hi").await.unwrap();
    let second = Duration::from_secs(1);
    tokio::time::sleep(second).await;
    assert!(engine.check().await.is_ok());
    tokio::time::sleep(2 * second).await;
    assert!(engine.check().await.is_err());
    assert!(started.wait().await.is_err());
    // It is given up, and ended by a lease that runs out.
    tokio::time::sleep(30 * second).await;
    assert!(engine.check().await.is_ok());
}

/// Panics at the end of the first run.
#[derive(Default)]
struct Nervous(AtomicUsize);

impl Observer for Nervous {
    fn run_ended(&self, _run: RunSummary) {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) > 0, "the first one");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_at_the_very_end_of_a_run_leaves_nobody_waiting() {
    let mut service = Service::with([Script::answer("one"), Script::answer("two")]).await;
    service.use_cases = changed(&service, |ports| {
        ports.observer = Arc::new(Nervous::default());
    });
    let started = service.post("Hi").await.unwrap();
    let run = started.run.id;
    assert!(started.wait().await.is_err());
    assert_eq!(service.use_cases.engine.in_progress(), 0);
    assert_eq!(find(&service, run).await.status, RunStatus::Completed);
    assert_eq!(service.ask("Again").await.unwrap().output(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn runs_end_when_their_assistant_is_disabled_or_deleted() {
    for is_deleted in [false, true] {
        let script = Script::new().text("so far").pause(Duration::from_secs(50));
        let script = script.text("!").end(colloquy_domain::FinishReason::Stop);
        let service = Service::with([script]).await;
        let started = service.post("Hi").await.unwrap();
        let id = started.run.assistant_id;
        let assistants = service.memory.stores().assistants;
        if is_deleted {
            assistants.delete(id).await.unwrap();
        } else {
            let disabled = |stored: &Assistant| {
                Some(Assistant {
                    is_enabled: false,
                    ..stored.clone()
                })
            };
            assistants.update(id, &disabled).await.unwrap();
        }
        let engine = service.use_cases.engine.clone();
        let keeping = tokio::spawn(async move { engine.keep().await });
        let outcome = started.wait().await;
        keeping.abort();
        let Err(Error::RunFailed(failure)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(failure.error.code, RunErrorCode::AccessRevoked);
        assert_eq!(failure.run.status, RunStatus::Failed);
    }
}

#[tokio::test(start_paused = true)]
async fn runs_end_when_their_user_may_do_less_than_when_they_asked() {
    let nothing = || UserChanges::none(DateTime::UNIX_EPOCH);
    let disabled = UserChanges {
        is_active: Some(false),
        ..nothing()
    };
    let promoted = UserChanges {
        role: Some(Role::Admin),
        ..nothing()
    };
    for (change, is_ended) in [
        (Some(disabled), true),
        (Some(promoted), false),
        (None, true),
    ] {
        let script = Script::new().text("so far").pause(Duration::from_secs(50));
        let script = script.text("!").end(colloquy_domain::FinishReason::Stop);
        let service = Service::with([script]).await;
        let started = service.post("Hi").await.unwrap();
        let users = service.memory.stores().users;
        let id = service.person.user_id().unwrap();
        match change {
            Some(change) => drop(users.update(id, &change).await.unwrap()),
            None => users.delete(id).await.unwrap(),
        }
        let engine = service.use_cases.engine.clone();
        let keeping = tokio::spawn(async move { engine.keep().await });
        let outcome = started.wait().await;
        keeping.abort();
        match outcome {
            Ok(outcome) => assert!(!is_ended, "{outcome:?}"),
            Err(Error::RunFailed(failure)) => {
                assert!(is_ended);
                assert_eq!(failure.error.code, RunErrorCode::AccessRevoked);
                assert_eq!(failure.run.status, RunStatus::Failed);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}
