//! Contract of [`RunRepository`](crate::ports::RunRepository): starts and ends.

use colloquy_domain::{
    CacheHit, CachedRun, FinishReason, Message, MessageStatus, Run, RunError, RunErrorCode,
    RunStatus, Similarity, Thread, Usage,
};

use super::{Stores, assert_conflict, assert_not_found, at_once, new, only_winner};
use crate::ports::{Constraint, MessageScope, MessagesFrom};
use crate::testing::samples::{Samples, difficult_texts, moment};
use crate::testing::steps::{RunEnd, RunStart, RunSteps as _};

async fn get(stores: &Stores, run: &Run) -> Option<Run> {
    stores.runs.get(run.thread_id, run.id).await.unwrap()
}

async fn messages(stores: &Stores, thread: &Thread) -> Vec<Message> {
    stores
        .messages
        .list(
            thread.id,
            MessageScope::Conversation,
            MessagesFrom::OLDEST,
            1000,
        )
        .await
        .unwrap()
        .items
}

async fn has_started(stores: &Stores, make: &Samples) -> (Thread, RunStart) {
    let thread = stores.has_thread(make).await;
    let start = make.start(&thread, make.instance(), make.question("Hello"));
    stores.starts(&start).await;
    (thread, start)
}

/// The run as `end` leaves it.
fn ended(run: &Run, end: &RunEnd) -> Run {
    Run {
        status: end.status,
        finish_reason: end.finish_reason,
        error: end.error.clone(),
        usage: end.usage,
        cache: end.cache,
        finished_at: Some(end.finished_at),
        ..run.clone()
    }
}

pub async fn a_start_stores_the_run_and_its_message(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    let mut start = make.start(&thread, make.instance(), make.question("Hello"));
    start.run.created_at = moment(999_999);
    start.message.assistant_id = Some(start.run.assistant_id);
    let answer = stores.starts(&start).await;
    let expected = start.message.placed(thread.id, start.run.id, 1);
    assert_eq!(answer, expected);
    assert_eq!(messages(stores, &thread).await, [expected]);
    assert_eq!(get(stores, &start.run).await, Some(start.run));
}

pub async fn a_start_needs_its_thread(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    stores.threads.delete(thread.id).await.unwrap();
    let next = make.start(&thread, make.instance(), make.question("Still there?"));
    assert_not_found(stores.runs.start(&next).await);
    assert_eq!(get(stores, &next.run).await, None);
    assert_eq!(get(stores, &start.run).await, None);
    assert_eq!(messages(stores, &thread).await, []);
}

pub async fn a_thread_has_one_run_in_progress(stores: &Stores) {
    let make = Samples::new();
    let (thread, first) = has_started(stores, &make).await;
    for holder in [first.lease.holder, make.instance()] {
        let second = make.start(&thread, holder, make.question("Me too"));
        let answer = stores.runs.start(&second).await;
        assert_conflict(answer, Constraint::ActiveRunPerThread);
        assert_eq!(get(stores, &second.run).await, None);
    }
    assert_eq!(messages(stores, &thread).await.len(), 1);
}

pub async fn a_refused_start_leaves_no_gap(stores: &Stores) {
    let make = Samples::new();
    let (thread, first) = has_started(stores, &make).await;
    for _ in 0..3 {
        let refused = make.start(&thread, make.instance(), make.question("Me too"));
        stores.runs.start(&refused).await.unwrap_err();
    }
    let end = make.end(&first, vec![make.answer("Hello yourself")]);
    let finished = stores.runs.finish(&end).await.unwrap();
    assert_eq!(finished.messages[0].position, 2);
    let next = make.start(&thread, make.instance(), make.question("Go on"));
    assert_eq!(stores.starts(&next).await.position, 3);
    assert_eq!(messages(stores, &thread).await.len(), 3);
}

pub async fn one_of_many_starts_in_a_thread_is_accepted(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    for round in 0..3 {
        let answers = at_once((0..32).map(|_| {
            let runs = stores.runs.clone();
            let start = make.start(&thread, make.instance(), make.question("Hello"));
            async move { runs.start(&start).await.map(|saved| (start, new(saved))) }
        }));
        let (start, message) = only_winner(answers.await, Constraint::ActiveRunPerThread);
        assert_eq!(message.position, round + 1);
        assert_eq!(messages(stores, &thread).await.last(), Some(&message));
        let runs = stores.runs.list(thread.id, None, 100).await.unwrap();
        assert_eq!(runs.len() as u64, round + 1);
        let end = make.end(&start, vec![]);
        stores.runs.finish(&end).await.unwrap();
    }
}

/// Starts by one user in separate threads, with that limit of concurrent runs.
async fn starts_of_one_user(
    stores: &Stores,
    make: &Samples,
    count: usize,
    max_per_user: u32,
) -> Vec<RunStart> {
    let owner = stores.has_thread(make).await.owner_id;
    let mut starts = Vec::new();
    for _ in 0..count {
        let mut thread = make.thread(make.user_id());
        thread.owner_id = owner;
        stores.threads.add(&thread).await.unwrap();
        let start = make.start(&thread, make.instance(), make.question("Hello"));
        starts.push(RunStart {
            max_per_user,
            ..start
        });
    }
    starts
}

pub async fn a_user_has_no_more_runs_in_progress_than_they_may(stores: &Stores) {
    let make = Samples::new();
    let starts = starts_of_one_user(stores, &make, 3, 2).await;
    stores.starts(&starts[0]).await;
    stores.starts(&starts[1]).await;
    let refused = stores.runs.start(&starts[2]).await;
    assert_conflict(refused, Constraint::ActiveRunsPerUser);
    let thread = starts[2].run.thread_id;
    let kept = stores.runs.list(thread, None, 10).await.unwrap();
    assert_eq!(kept, []);
    let next = stores
        .messages
        .latest(thread, u64::MAX, 10, u64::MAX)
        .await
        .unwrap();
    assert_eq!(next, []);
    // Other users are unaffected.
    has_started(stores, &make).await;
    let end = make.end(&starts[0], vec![]);
    stores.runs.finish(&end).await.unwrap();
    assert_eq!(stores.starts(&starts[2]).await.position, 1);
}

pub async fn of_many_starts_of_a_user_no_more_are_accepted_than_may(stores: &Stores) {
    let make = Samples::new();
    let starts = starts_of_one_user(stores, &make, 24, 5).await;
    let answers = at_once(starts.into_iter().map(|start| {
        let runs = stores.runs.clone();
        async move { runs.start(&start).await }
    }));
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.await.into_iter().partition(Result::is_ok);
    assert_eq!(accepted.len(), 5);
    for answer in refused {
        assert_conflict(answer, Constraint::ActiveRunsPerUser);
    }
}

pub async fn a_refused_start_of_a_user_at_the_limit_names_the_nearest_reason(stores: &Stores) {
    let make = Samples::new();
    let starts = starts_of_one_user(stores, &make, 1, 1).await;
    stores.starts(&starts[0]).await;
    let mut again = starts[0].clone();
    again.run.id = make.run_id();
    again.message.id = make.question("Hello").id;
    let refused = stores.runs.start(&again).await;
    assert_conflict(refused, Constraint::ActiveRunPerThread);
}

pub async fn starts_in_different_threads_do_not_disturb_each_other(stores: &Stores) {
    let make = Samples::new();
    let mut starts = Vec::new();
    for _ in 0..16 {
        let thread = stores.has_thread(&make).await;
        starts.push(make.start(&thread, make.instance(), make.question("Hello")));
    }
    let answers = at_once(starts.into_iter().map(|start| {
        let runs = stores.runs.clone();
        async move { runs.start(&start).await }
    }));
    for answer in answers.await {
        assert_eq!(new(answer.unwrap()).position, 1);
    }
}

pub async fn positions_have_no_gap_over_many_runs(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    for answers in [1, 0, 3, 2] {
        let start = make.start(&thread, make.instance(), make.question("Hello"));
        stores.starts(&start).await;
        let answers = (0..answers).map(|_| make.answer("Hello")).collect();
        let end = make.end(&start, answers);
        stores.runs.finish(&end).await.unwrap();
    }
    let positions = messages(stores, &thread).await.into_iter();
    let positions: Vec<_> = positions.map(|message| message.position).collect();
    assert_eq!(positions, (1..=10).collect::<Vec<_>>());
}

pub async fn a_finish_stores_the_end_and_the_messages_in_their_order(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let mut answers: Vec<_> = ["one", "two", "three"].map(|it| make.answer(it)).into();
    // Keeps the given order, whatever the IDs and times.
    answers.reverse();
    answers[0].created_at = moment(999_999);
    answers[1].status = MessageStatus::Incomplete;
    answers[2].assistant_id = Some(start.run.assistant_id);
    let mut end = make.end(&start, answers);
    end.finish_reason = Some(FinishReason::Length);
    end.usage = Some(Usage {
        input_tokens: 5_000_000_000,
        output_tokens: 0,
    });
    end.cache = Some(CachedRun {
        hit: CacheHit::Semantic,
        similarity: Similarity::from_cosine(0.932_1),
        age_seconds: 5_000_000_000,
    });
    let finished = stores.runs.finish(&end).await.unwrap();
    let placed = end.messages.iter().cloned().zip(2..);
    let expected: Vec<_> = placed
        .map(|(message, position)| message.placed(thread.id, start.run.id, position))
        .collect();
    assert_eq!(finished.messages, expected);
    assert_eq!(messages(stores, &thread).await[1..], expected);
    assert_eq!(finished.run, ended(&start.run, &end));
    assert_eq!(get(stores, &start.run).await, Some(finished.run));
}

pub async fn every_kind_of_end_is_kept(stores: &Stores) {
    let make = Samples::new();
    let mut ends = Vec::new();
    for status in [RunStatus::Completed, RunStatus::Failed] {
        ends.push((status, None, None));
    }
    for reason in FinishReason::ALL {
        ends.push((RunStatus::Completed, Some(*reason), None));
    }
    for code in RunErrorCode::ALL {
        ends.push((RunStatus::Failed, None, Some(RunError::from(*code))));
    }
    for message in difficult_texts() {
        let code = RunErrorCode::ModelError;
        ends.push((RunStatus::Failed, None, Some(RunError { code, message })));
    }
    for (status, finish_reason, error) in ends {
        let (_, start) = has_started(stores, &make).await;
        let end = RunEnd {
            status,
            finish_reason,
            error,
            ..make.end(&start, vec![])
        };
        let finished = stores.runs.finish(&end).await.unwrap();
        assert_eq!(finished.run, ended(&start.run, &end));
        assert_eq!(finished.messages, []);
        assert_eq!(get(stores, &start.run).await, Some(finished.run));
    }
}

pub async fn only_the_holder_finishes_a_run(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let mut end = make.end(&start, vec![make.answer("Not mine to give")]);
    end.holder = make.instance();
    let answer = stores.runs.finish(&end).await;
    assert_conflict(answer, Constraint::RunLease);
    assert_eq!(messages(stores, &thread).await.len(), 1);
    assert_eq!(get(stores, &start.run).await, Some(start.run.clone()));

    end.holder = start.lease.holder;
    let finished = stores.runs.finish(&end).await.unwrap();
    assert_eq!(finished.messages[0].position, 2);
}

pub async fn a_run_is_finished_once(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let first = make.end(&start, vec![make.answer("First")]);
    let finished = stores.runs.finish(&first).await.unwrap();
    let mut second = make.end(&start, vec![make.answer("Second")]);
    second.status = RunStatus::Failed;
    let answer = stores.runs.finish(&second).await;
    assert_conflict(answer, Constraint::RunLease);
    assert_eq!(messages(stores, &thread).await.len(), 2);
    assert_eq!(get(stores, &start.run).await, Some(finished.run));
}

pub async fn one_of_many_finishes_is_accepted(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let answers = at_once((0..16).map(|number| {
        let runs = stores.runs.clone();
        let end = make.end(&start, vec![make.answer(&format!("Answer {number}"))]);
        async move { runs.finish(&end).await }
    }));
    let winner = only_winner(answers.await, Constraint::RunLease);
    assert_eq!(messages(stores, &thread).await[1..], winner.messages);
}

pub async fn a_run_without_its_thread_is_not_found(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    stores.threads.delete(thread.id).await.unwrap();
    let end = make.end(&start, vec![make.answer("Too late")]);
    assert_not_found(stores.runs.finish(&end).await);
    assert_eq!(messages(stores, &thread).await, []);
}

pub async fn a_finished_run_frees_its_thread(stores: &Stores) {
    let make = Samples::new();
    let (thread, first) = has_started(stores, &make).await;
    for status in [RunStatus::Failed, RunStatus::Completed] {
        let runs = stores.runs.list(thread.id, None, 1).await.unwrap();
        let end = RunEnd {
            run_id: runs[0].id,
            status,
            ..make.end(&first, vec![])
        };
        stores.runs.finish(&end).await.unwrap();
        let next = make.start(&thread, first.lease.holder, make.question("Next"));
        stores.starts(&next).await;
    }
}

pub async fn a_run_is_found_in_its_own_thread_only(stores: &Stores) {
    let make = Samples::new();
    let (thread, start) = has_started(stores, &make).await;
    let (other, _) = has_started(stores, &make).await;
    for (thread, run) in [
        (other.id, start.run.id),
        (make.thread_id(), start.run.id),
        (thread.id, make.run_id()),
    ] {
        assert_eq!(stores.runs.get(thread, run).await.unwrap(), None);
    }
}

pub async fn runs_are_listed_newest_first_in_pages(stores: &Stores) {
    let make = Samples::new();
    let thread = stores.has_thread(&make).await;
    has_started(stores, &make).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        let start = make.start(&thread, make.instance(), make.question("Hello"));
        stores.starts(&start).await;
        let end = make.end(&start, vec![]);
        expected.insert(0, stores.runs.finish(&end).await.unwrap().run);
    }
    let all = stores.runs.list(thread.id, None, 1000).await.unwrap();
    assert_eq!(all, expected);
    let newest = stores.runs.list(thread.id, None, 2).await.unwrap();
    assert_eq!(newest, expected[..2]);
    for (place, run) in expected.iter().enumerate() {
        let after = stores.runs.list(thread.id, Some(run.id), 2).await.unwrap();
        let rest = expected.iter().skip(place + 1).take(2);
        assert_eq!(after, rest.cloned().collect::<Vec<_>>());
    }
    let absent = stores.runs.list(make.thread_id(), None, 10).await.unwrap();
    assert_eq!(absent, []);
}
