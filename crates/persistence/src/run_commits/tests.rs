//! Tests that need a real database.

use colloquy_application::ports::{
    Expected, InstanceId, RunCommit, ThreadRepository as _, UserRepository as _,
};
use colloquy_application::testing::samples::Samples;
use colloquy_application::testing::steps::{RunStart, RunSteps as _};
use colloquy_domain::{Thread, User};
use sea_orm::{EntityTrait as _, QueryFilter as _};
use uuid::Uuid;

use super::{MARGIN, is_active_in, unlocked};
use crate::entities::runs::Entity;
use crate::query_plan::{assert_served_by, databases};
use crate::{Database, SeaRunRepository, SeaThreadRepository, SeaUserRepository, test_databases};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_active_run_of_a_thread_has_an_index_of_its_own() {
    let rows = Entity::find().filter(is_active_in(Samples::new().thread_id()));
    for (_place, database) in databases().await {
        assert_served_by(&database, &rows, "runs_active_thread_id_unique").await;
    }
}

async fn has_owner(database: &Database, make: &Samples) -> User {
    let owner = make.user("ada@example.org");
    let users = SeaUserRepository::new(database.clone());
    users.add(&owner, None).await.unwrap();
    owner
}

async fn has_thread(database: &Database, make: &Samples, owner: &User) -> Thread {
    let thread = make.thread(owner.id);
    let threads = SeaThreadRepository::new(database.clone());
    threads.add(&thread).await.unwrap();
    thread
}

fn new_start(make: &Samples, thread: &Thread, max_per_user: u32) -> RunStart {
    RunStart {
        max_per_user,
        ..make.start(thread, make.instance(), make.question("Well?"))
    }
}

/// The thread's last position, if one statement sufficed.
async fn at_once(database: &Database, commit: &RunCommit) -> Option<i64> {
    let chain = unlocked(database.backend(), commit).ok().unwrap()?;
    chain.run(database.at_once()).await.ok().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_statement_starts_runs_of_users_far_from_their_limit_in_threads_that_are_there() {
    let Some(test_database) = test_databases::postgres().await else {
        return;
    };
    let database = test_database.migrated().await;
    let make = Samples::new();
    let owner = has_owner(&database, &make).await;
    for (limit, is_enough) in [(2, false), (MARGIN, false), (MARGIN + 1, true)] {
        let thread = has_thread(&database, &make, &owner).await;
        let commit = new_start(&make, &thread, limit).commit();
        let position = at_once(&database, &commit).await;
        assert_eq!(position.is_some(), is_enough, "limit {limit}");
    }
    // One is in progress by now.
    for (limit, is_enough) in [(MARGIN + 1, false), (MARGIN + 2, true)] {
        let thread = has_thread(&database, &make, &owner).await;
        let commit = new_start(&make, &thread, limit).commit();
        let position = at_once(&database, &commit).await;
        assert_eq!(position.is_some(), is_enough, "limit {limit}");
    }
    let gone = make.thread(owner.id);
    let commit = new_start(&make, &gone, 1_000).commit();
    assert_eq!(at_once(&database, &commit).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_statement_ends_runs_that_are_held_and_whose_log_ends_so() {
    for (_place, database) in databases().await {
        let make = Samples::new();
        let owner = has_owner(&database, &make).await;
        let thread = has_thread(&database, &make, &owner).await;
        let start = make.start(&thread, make.instance(), make.question("Well?"));
        let runs = SeaRunRepository::new(database.clone());
        runs.start(&start).await.unwrap();
        let end = make.end(&start, vec![make.answer("Well.")]);
        let commit = |holder, log_end| RunCommit {
            expected: Expected::HeldBy {
                holder,
                log_end: Some(log_end),
            },
            ..end.commit(&start.run)
        };
        let holder = end.holder;
        let of_another = commit(InstanceId(Uuid::max()), 1);
        assert_eq!(at_once(&database, &of_another).await, None);
        let too_early = commit(holder, 0);
        assert_eq!(at_once(&database, &too_early).await, None);
        let commit = commit(holder, 1);
        assert_eq!(at_once(&database, &commit).await, Some(2));
        assert_eq!(at_once(&database, &commit).await, None);
    }
}
