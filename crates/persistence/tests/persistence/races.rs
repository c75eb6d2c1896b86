//! Concurrent starts and ends in one thread: one wins, the others leave nothing.

use std::time::Duration;

use colloquy_application::Stores;
use colloquy_application::ports::{
    AbandonedRuns, Constraint, MessageScope, MessagesFrom, PortError,
};
use colloquy_application::testing::samples::{Samples, moment};
use colloquy_application::testing::steps::{RunStart, RunSteps as _, SavedRun};
use colloquy_domain::{RunEnding, RunStatus, Thread};
use sea_orm::sqlx::{self, AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::test_databases::{self, TestDatabase};
use crate::{on_both_databases, stores};

on_both_databases! {
    a_run_that_all_end_at_once_ends_once_and_leaves_no_gap,
    of_starts_at_once_one_wins_and_the_others_leave_no_gap,
}

const ROUNDS: usize = 100;

async fn a_run_that_all_end_at_once_ends_once_and_leaves_no_gap(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let thread = has_thread(&stores, &make).await;
    let mut said = 0;
    for _ in 0..ROUNDS {
        let start = has_run(&stores, &make, &thread).await;
        let end = make.end(&start, vec![make.answer("one"), make.answer("two")]);
        let (run, held) = (start.run.id, AbandonedRuns::HeldBy(start.lease.holder));
        let [finishing, others, third] = [(); 3].map(|()| stores.clone());
        let runs = finishing.runs;
        let finish = tokio::spawn(async move { runs.finish(&end).await });
        let force = tokio::spawn(async move { others.force_end(run, &cancelled()).await });
        let interrupt = tokio::spawn(async move { third.interrupt(held, &interrupted()).await });
        let ended = force.await.unwrap().unwrap();
        let is_interrupted = !interrupt.await.unwrap().unwrap().is_empty();
        said += 1;
        match finish.await.unwrap() {
            Ok(finished) => {
                said += 2;
                assert_eq!(finished.run, ended);
                assert_eq!(finished.messages.last().unwrap().position, said);
                assert!(!is_interrupted);
            }
            Err(PortError::Conflict(Constraint::RunLease)) => {
                let expected = match is_interrupted {
                    true => RunStatus::Failed,
                    false => RunStatus::Cancelled,
                };
                assert_eq!(ended.status, expected);
            }
            Err(error) => panic!("{error:?}"),
        }
        let found = stores.runs.find(run).await.unwrap();
        assert_eq!(found, Some(ended));
        let log = stores.events.list(run, 1, 10).await.unwrap();
        let ends = log.iter().filter(|event| event.kind.is_last()).count();
        assert_eq!(ends, 1);
    }
    assert_eq!(positions(&stores, &thread).await, all_up_to(said));
}

async fn of_starts_at_once_one_wins_and_the_others_leave_no_gap(test_database: &TestDatabase) {
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let thread = has_thread(&stores, &make).await;
    for round in 1..=ROUNDS as u64 {
        let mut starting = JoinSet::new();
        for _ in 0..6 {
            let start = new_start(&make, &thread);
            let runs = stores.runs.clone();
            starting.spawn(async move { (start.run.id, runs.start(&start).await) });
        }
        let mut won = Vec::new();
        for (run, started) in starting.join_all().await {
            match started {
                Ok(SavedRun::New(message)) => won.push((run, message.position)),
                Err(PortError::Conflict(Constraint::ActiveRunPerThread)) => {}
                other => panic!("{other:?}"),
            }
        }
        let [(run, position)] = won[..] else {
            panic!("one wins, not {won:?}");
        };
        assert_eq!(position, round);
        stores.force_end(run, &cancelled()).await.unwrap();
    }
    let expected = all_up_to(ROUNDS as u64);
    assert_eq!(positions(&stores, &thread).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_finish_that_waited_for_a_forced_end_leaves_nothing() {
    let Some((test_database, stores, make, thread)) = on_postgres().await else {
        return;
    };
    let start = has_run(&stores, &make, &thread).await;
    let end = make.end(&start, vec![make.answer("Too late")]);
    let (run, runs, others) = (start.run.id, stores.runs.clone(), stores.clone());

    let mut lock = Lock::of(&test_database, &thread).await;
    let force = tokio::spawn(async move { others.force_end(run, &cancelled()).await });
    lock.is_waited_for_by(1).await;
    let finish = tokio::spawn(async move { runs.finish(&end).await });
    lock.is_waited_for_by(2).await;
    lock.release().await;

    assert_eq!(force.await.unwrap().unwrap().status, RunStatus::Cancelled);
    let late = finish.await.unwrap();
    let is_refused = matches!(late, Err(PortError::Conflict(Constraint::RunLease)));
    assert!(is_refused, "{late:?}");
    assert_eq!(stores.events.list(run, 1, 10).await.unwrap().len(), 1);
    has_run(&stores, &make, &thread).await;
    assert_eq!(positions(&stores, &thread).await, [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_end_that_waited_for_a_finish_leaves_the_run_as_it_is() {
    let Some((test_database, stores, make, thread)) = on_postgres().await else {
        return;
    };
    let start = has_run(&stores, &make, &thread).await;
    let end = make.end(&start, vec![make.answer("In time")]);
    let (run, runs, others) = (start.run.id, stores.runs.clone(), stores.clone());

    let mut lock = Lock::of(&test_database, &thread).await;
    let finish = tokio::spawn(async move { runs.finish(&end).await });
    lock.is_waited_for_by(1).await;
    let force = tokio::spawn(async move { others.force_end(run, &cancelled()).await });
    lock.is_waited_for_by(2).await;
    lock.release().await;

    let finished = finish.await.unwrap().unwrap();
    assert_eq!(finished.run.status, RunStatus::Completed);
    assert_eq!(force.await.unwrap().unwrap(), finished.run);
    assert_eq!(positions(&stores, &thread).await, [1, 2]);
}

/// The second start waits for the first and for its position; the end of the first waits for other
/// changes of the thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waited_for_the_thread_goes_on_from_what_stands_in_it_then() {
    let Some((test_database, stores, make, thread)) = on_postgres().await else {
        return;
    };
    let (first, second) = (new_start(&make, &thread), new_start(&make, &thread));
    let end = make.end(&first, vec![make.answer("Well.")]);
    let [runs, others] = [(); 2].map(|()| stores.runs.clone());

    let mut lock = Lock::of(&test_database, &thread).await;
    let starting = tokio::spawn(async move { runs.start(&first).await });
    lock.is_waited_for_by(1).await;
    let late = tokio::spawn(async move { others.start(&second).await });
    lock.is_waited_for_by(2).await;
    lock.places_a_message().await;
    lock.release().await;

    let SavedRun::New(message) = starting.await.unwrap().unwrap() else {
        panic!("the run is new");
    };
    assert_eq!(message.position, 2);
    let late = late.await.unwrap();
    let is_refused = matches!(
        late,
        Err(PortError::Conflict(Constraint::ActiveRunPerThread))
    );
    assert!(is_refused, "{late:?}");

    let mut lock = Lock::of(&test_database, &thread).await;
    let runs = stores.runs.clone();
    let finish = tokio::spawn(async move { runs.finish(&end).await });
    lock.is_waited_for_by(1).await;
    lock.places_a_message().await;
    lock.release().await;

    let finished = finish.await.unwrap().unwrap();
    assert_eq!(finished.messages[0].position, 4);
    assert_eq!(positions(&stores, &thread).await, [2, 4]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waited_for_a_thread_that_is_deleted_does_not_find_it() {
    let Some((test_database, stores, make, thread)) = on_postgres().await else {
        return;
    };
    let start = has_run(&stores, &make, &thread).await;
    let end = make.end(&start, vec![make.answer("Too late")]);
    let next = new_start(&make, &thread);
    let [runs, others] = [(); 2].map(|()| stores.runs.clone());

    let mut lock = Lock::of(&test_database, &thread).await;
    let finish = tokio::spawn(async move { runs.finish(&end).await });
    let starting = tokio::spawn(async move { others.start(&next).await });
    lock.is_waited_for_by(2).await;
    lock.deletes_the_thread().await;
    lock.release().await;

    let finished = finish.await.unwrap();
    assert!(matches!(finished, Err(PortError::NotFound)), "{finished:?}");
    let started = starting.await.unwrap();
    assert!(matches!(started, Err(PortError::NotFound)), "{started:?}");
}

struct Lock {
    holder: PgConnection,
    watcher: PgConnection,
    thread: String,
}

impl Lock {
    async fn of(test_database: &TestDatabase, thread: &Thread) -> Self {
        let mut lock = Self {
            holder: PgConnection::connect(&test_database.url).await.unwrap(),
            watcher: PgConnection::connect(&test_database.url).await.unwrap(),
            thread: format!("'{}'", thread.id),
        };
        lock.execute("BEGIN").await;
        lock.execute("SELECT id FROM threads WHERE id = {thread} FOR UPDATE")
            .await;
        lock
    }

    async fn places_a_message(&mut self) {
        self.execute("UPDATE threads SET last_position = last_position + 1 WHERE id = {thread}")
            .await;
    }

    async fn deletes_the_thread(&mut self) {
        self.execute("DELETE FROM threads WHERE id = {thread}")
            .await;
    }

    async fn execute(&mut self, statement: &str) {
        let statement = statement.replace("{thread}", &self.thread);
        self.holder.execute(AssertSqlSafe(statement)).await.unwrap();
    }

    /// Waits until that many sessions of this test wait for a lock.
    async fn is_waited_for_by(&mut self, sessions: i64) {
        const WAITING: &str = "SELECT count(*) FROM pg_stat_activity
            WHERE application_name = current_setting('application_name')
                AND wait_event_type = 'Lock'";
        let all_wait = async {
            loop {
                let waiting = sqlx::query_scalar(WAITING).fetch_one(&mut self.watcher);
                let waiting: i64 = waiting.await.unwrap();
                if waiting == sessions {
                    break;
                }
            }
        };
        let limit = Duration::from_secs(3);
        timeout(limit, all_wait).await.unwrap();
    }

    async fn release(mut self) {
        self.execute("COMMIT").await;
    }
}

/// A thread on PostgreSQL, the only database with row locks.
async fn on_postgres() -> Option<(TestDatabase, Stores, Samples, Thread)> {
    let test_database = test_databases::postgres().await?;
    let stores = stores(&test_database.migrated().await);
    let make = Samples::new();
    let thread = has_thread(&stores, &make).await;
    Some((test_database, stores, make, thread))
}

async fn has_thread(stores: &Stores, make: &Samples) -> Thread {
    let owner = make.user("ada@example.org");
    stores.users.add(&owner, None).await.unwrap();
    let thread = make.thread(owner.id);
    stores.threads.add(&thread).await.unwrap();
    thread
}

async fn has_run(stores: &Stores, make: &Samples, thread: &Thread) -> RunStart {
    let start = new_start(make, thread);
    stores.runs.start(&start).await.unwrap();
    start
}

fn new_start(make: &Samples, thread: &Thread) -> RunStart {
    make.start(thread, make.instance(), make.question("Well?"))
}

fn cancelled() -> RunEnding {
    RunEnding::cancelled(moment(888_888))
}

fn interrupted() -> RunEnding {
    RunEnding::interrupted(moment(999_999))
}

async fn positions(stores: &Stores, thread: &Thread) -> Vec<u64> {
    let scope = MessageScope::WithTools;
    let messages = stores
        .messages
        .list(thread.id, scope, MessagesFrom::OLDEST, 1_000)
        .await;
    let messages = messages.unwrap().items.into_iter();
    messages.map(|message| message.position).collect()
}

fn all_up_to(last: u64) -> Vec<u64> {
    (1..=last).collect()
}
