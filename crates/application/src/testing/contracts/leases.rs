//! Contract of [`RunRepository`](crate::ports::RunRepository): leases.

use chrono::{DateTime, TimeDelta, Utc};
use colloquy_domain::{Run, RunEnding, RunError, RunErrorCode, RunId, RunStatus, Thread};

use super::{Stores, assert_conflict};
use crate::ports::{AbandonedRuns, Constraint, InstanceId, MessageScope, MessagesFrom};
use crate::testing::samples::{Samples, moment, second};
use crate::testing::steps::{RunStart, RunSteps as _};

const TICK: TimeDelta = TimeDelta::microseconds(1);

fn interrupted() -> RunError {
    RunErrorCode::Interrupted.into()
}

async fn has_run(
    stores: &Stores,
    make: &Samples,
    holder: InstanceId,
    expires_at: DateTime<Utc>,
) -> (Thread, RunStart) {
    let thread = stores.has_thread(make).await;
    let mut start = make.start(&thread, holder, make.question("Hello"));
    start.lease.expires_at = expires_at;
    stores.starts(&start).await;
    (thread, start)
}

async fn has_ended(stores: &Stores, make: &Samples, holder: InstanceId) -> RunStart {
    let (_, start) = has_run(stores, make, holder, second(1)).await;
    let end = make.end(&start, vec![]);
    stores.runs.finish(&end).await.unwrap();
    start
}

async fn get(stores: &Stores, run: &Run) -> Run {
    let found = stores.runs.get(run.thread_id, run.id).await;
    found.unwrap().unwrap()
}

async fn interrupt(stores: &Stores, abandoned: AbandonedRuns) -> Vec<RunId> {
    let end = RunEnding::interrupted(moment(777_777));
    let ended = stores.interrupt(abandoned, &end);
    sorted(ended.await.unwrap())
}

async fn renew(
    stores: &Stores,
    holder: InstanceId,
    runs: &[RunId],
    expires_at: DateTime<Utc>,
) -> Vec<RunId> {
    let renewed = stores.runs.renew(holder, runs, expires_at).await;
    sorted(renewed.unwrap())
}

fn sorted(mut ids: Vec<RunId>) -> Vec<RunId> {
    ids.sort();
    ids
}

pub async fn runs_with_an_expired_lease_are_interrupted(stores: &Stores) {
    let make = Samples::new();
    let now = second(100);
    let holder = make.instance();
    let (_, late) = has_run(stores, &make, holder, second(1)).await;
    let (_, just) = has_run(stores, &make, make.instance(), now - TICK).await;
    let (_, held) = has_run(stores, &make, holder, now + TICK).await;
    let ended = has_ended(stores, &make, holder).await;
    let ended = get(stores, &ended.run).await;

    let interrupted = interrupt(stores, AbandonedRuns::OverdueAt(now)).await;

    assert_eq!(interrupted, sorted(vec![late.run.id, just.run.id]));
    assert_eq!(get(stores, &held.run).await, held.run);
    assert_eq!(get(stores, &ended).await, ended);
    let again = interrupt(stores, AbandonedRuns::OverdueAt(now)).await;
    assert_eq!(again, []);
}

pub async fn the_runs_of_a_lost_instance_are_interrupted(stores: &Stores) {
    let make = Samples::new();
    let (lost, alive) = (make.instance(), make.instance());
    let (_, one) = has_run(stores, &make, lost, second(1)).await;
    let (_, two) = has_run(stores, &make, lost, second(1_000_000)).await;
    let (_, other) = has_run(stores, &make, alive, second(1)).await;
    let ended = has_ended(stores, &make, lost).await;
    let ended = get(stores, &ended.run).await;

    let interrupted = interrupt(stores, AbandonedRuns::HeldBy(lost)).await;

    assert_eq!(interrupted, sorted(vec![one.run.id, two.run.id]));
    assert_eq!(get(stores, &other.run).await, other.run);
    assert_eq!(get(stores, &ended).await, ended);
    assert_eq!(interrupt(stores, AbandonedRuns::HeldBy(lost)).await, []);
}

pub async fn the_runs_in_progress_of_a_user_are_found(stores: &Stores) {
    let make = Samples::new();
    let holder = make.instance();
    let (_, one) = has_run(stores, &make, holder, second(1)).await;
    let user = one.run.user_id.unwrap();
    let thread = make.thread(user);
    stores.threads.add(&thread).await.unwrap();
    let two = make.start(&thread, make.instance(), make.question("Hello"));
    stores.starts(&two).await;
    has_run(stores, &make, holder, second(1)).await;
    let found = async |user| sorted(stores.runs.abandoned(user).await.unwrap());
    let of_user = AbandonedRuns::OfUser(user);
    let expected = sorted(vec![one.run.id, two.run.id]);
    assert_eq!(found(of_user).await, expected);
    assert_eq!(interrupt(stores, of_user).await, expected);
    assert_eq!(found(of_user).await, []);
    let nobody = AbandonedRuns::OfUser(make.user_id());
    assert_eq!(found(nobody).await, []);
}

pub async fn an_interrupted_run_has_failed_and_keeps_its_message(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_run(stores, &make, make.instance(), second(1)).await;
    let abandoned = AbandonedRuns::HeldBy(start.lease.holder);
    assert_eq!(interrupt(stores, abandoned).await, [start.run.id]);
    let expected = Run {
        status: RunStatus::Failed,
        error: Some(interrupted()),
        finished_at: Some(moment(777_777)),
        ..start.run.clone()
    };
    assert_eq!(get(stores, &start.run).await, expected);
    let messages = stores
        .messages
        .list(
            thread.id,
            MessageScope::Conversation,
            MessagesFrom::OLDEST,
            10,
        )
        .await
        .unwrap()
        .items;
    assert_eq!(messages, [start.message.placed(thread.id, expected.id, 1)]);
}

pub async fn an_interrupted_run_frees_its_thread(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_run(stores, &make, make.instance(), second(1)).await;
    interrupt(stores, AbandonedRuns::OverdueAt(second(2))).await;
    let next = make.start(&thread, start.lease.holder, make.question("Again"));
    assert_eq!(stores.starts(&next).await.position, 2);
}

pub async fn the_former_holder_writes_nothing_more(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_run(stores, &make, make.instance(), second(1)).await;
    let holder = start.lease.holder;
    interrupt(stores, AbandonedRuns::OverdueAt(second(2))).await;
    let end = make.end(&start, vec![make.answer("Too late")]);
    let answer = stores.runs.finish(&end).await;
    assert_conflict(answer, Constraint::RunLease);
    assert_eq!(renew(stores, holder, &[start.run.id], second(9)).await, []);
    let run = get(stores, &start.run).await;
    assert_eq!(run.status, RunStatus::Failed);
    let messages = stores
        .messages
        .list(
            thread.id,
            MessageScope::Conversation,
            MessagesFrom::OLDEST,
            10,
        )
        .await
        .unwrap()
        .items;
    assert_eq!(messages.len(), 1);
}

pub async fn a_holder_may_finish_until_the_run_is_interrupted(stores: &Stores) {
    let make = Samples::new();
    let (_, start) = has_run(stores, &make, make.instance(), second(1)).await;
    let mut end = make.end(&start, vec![]);
    end.finished_at = second(100);
    let finished = stores.runs.finish(&end).await.unwrap();
    assert_eq!(finished.run.status, RunStatus::Completed);
}

pub async fn either_the_holder_or_the_interruption_ends_a_run(stores: &Stores) {
    let make = Samples::new();
    for _ in 0..8 {
        let (thread, start) = has_run(stores, &make, make.instance(), second(1)).await;
        let end = make.end(&start, vec![make.answer("Done")]);
        let (runs, holder) = (stores.runs.clone(), start.lease.holder);
        let finish = tokio::spawn(async move { runs.finish(&end).await });
        let interrupted = interrupt(stores, AbandonedRuns::HeldBy(holder)).await;
        let finished = finish.await.unwrap();

        let run = get(stores, &start.run).await;
        let messages = stores
            .messages
            .list(
                thread.id,
                MessageScope::Conversation,
                MessagesFrom::OLDEST,
                10,
            )
            .await
            .unwrap()
            .items;
        if interrupted.is_empty() {
            assert_eq!(finished.unwrap().run, run);
            assert_eq!((run.status, messages.len()), (RunStatus::Completed, 2));
        } else {
            assert_conflict(finished, Constraint::RunLease);
            assert_eq!((run.status, messages.len()), (RunStatus::Failed, 1));
        }
    }
}

pub async fn a_renewed_lease_counts_until_its_new_end(stores: &Stores) {
    let make = Samples::new();
    let holder = make.instance();
    let (_, renewed) = has_run(stores, &make, holder, second(10)).await;
    let (_, forgotten) = has_run(stores, &make, holder, second(10)).await;
    let ids = renew(stores, holder, &[renewed.run.id], second(20)).await;
    assert_eq!(ids, [renewed.run.id]);
    let expired = |at| AbandonedRuns::OverdueAt(at);
    let ids = interrupt(stores, expired(second(11))).await;
    assert_eq!(ids, [forgotten.run.id]);
    let ids = interrupt(stores, expired(second(20) - TICK)).await;
    assert_eq!(ids, []);
    let ids = interrupt(stores, expired(second(20) + TICK)).await;
    assert_eq!(ids, [renewed.run.id]);
}

pub async fn only_what_is_still_held_is_renewed(stores: &Stores) {
    let make = Samples::new();
    let holder = make.instance();
    let (_, one) = has_run(stores, &make, holder, second(10)).await;
    let (_, two) = has_run(stores, &make, holder, second(10)).await;
    let (gone, deleted) = has_run(stores, &make, holder, second(10)).await;
    stores.threads.delete(gone.id).await.unwrap();
    let (_, foreign) = has_run(stores, &make, make.instance(), second(10)).await;
    let ended = has_ended(stores, &make, holder).await;
    let named = [&one, &deleted, &foreign, &ended, &two].map(|it| it.run.id);

    let renewed = renew(stores, holder, &named, second(20)).await;

    assert_eq!(renewed, sorted(vec![one.run.id, two.run.id]));
    let ids = interrupt(stores, AbandonedRuns::OverdueAt(second(11))).await;
    assert_eq!(
        ids,
        [foreign.run.id],
        "another instance's lease is unchanged"
    );
}

pub async fn nothing_to_renew_is_no_error(stores: &Stores) {
    let make = Samples::new();
    let holder = make.instance();
    let (_, held) = has_run(stores, &make, holder, second(10)).await;
    assert_eq!(renew(stores, holder, &[], second(20)).await, []);
    assert_eq!(
        renew(stores, holder, &[make.run_id()], second(20)).await,
        []
    );
    let ids = interrupt(stores, AbandonedRuns::OverdueAt(second(11))).await;
    assert_eq!(ids, [held.run.id], "only named leases are renewed");
}

pub async fn many_leases_are_renewed_at_once(stores: &Stores) {
    let make = Samples::new();
    let holder = make.instance();
    let mut held = Vec::new();
    for _ in 0..50 {
        held.push(has_run(stores, &make, holder, second(10)).await.1.run.id);
    }
    assert_eq!(renew(stores, holder, &held, second(20)).await, sorted(held));
    let ids = interrupt(stores, AbandonedRuns::OverdueAt(second(11))).await;
    assert_eq!(ids, []);
}
