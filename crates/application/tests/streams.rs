//! Following, cancelling and repeating runs, on one instance and on two.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod support;

use std::time::Duration;

use colloquy_application::Error;
use colloquy_application::ports::InstanceId;
use colloquy_application::runs::RunFollower;
use colloquy_application::testing::fakes::{Gate, Script};
use colloquy_domain::{
    FinishReason, MessageStatus, RunErrorCode, RunEvent, RunEventKind, RunStatus,
};
use uuid::Uuid;

use support::{INSTANCE, Service, ai, human};

const OTHER: InstanceId = InstanceId(Uuid::from_u128(2));

async fn read(mut follower: RunFollower) -> Vec<RunEvent> {
    let mut all = Vec::new();
    while let Some(events) = follower.next().await.unwrap() {
        all.extend(events);
    }
    all
}

/// Whether clients see the event.
fn is_told(event: &RunEventKind) -> bool {
    !matches!(
        event,
        RunEventKind::UtteranceBegan { .. } | RunEventKind::ModelCalled { .. }
    )
}

/// The events in short.
fn story(events: &[RunEvent]) -> Vec<String> {
    let numbers: Vec<_> = events.iter().map(|event| event.number).collect();
    let first = numbers.first().copied().unwrap_or(1);
    let expected: Vec<_> = (first..).take(numbers.len()).collect();
    assert_eq!(numbers, expected, "numbered without gaps");
    let told = events.iter().filter(|event| is_told(&event.kind));
    let words = told.map(|event| match &event.kind {
        RunEventKind::Started { messages, .. } => format!("started {}", messages[0].content),
        RunEventKind::MessageDelta { text, .. } => text.clone(),
        RunEventKind::MessageCompleted { message } => {
            format!("{} {}", message.status.as_str(), message.content)
        }
        RunEventKind::Ended { run, output } => {
            format!(
                "{} {}",
                run.status.as_str(),
                output
                    .as_ref()
                    .map_or("-", |output| output.content.as_str())
            )
        }
        other => format!("{other:?}"),
    });
    words.collect()
}

const WHOLE: [&str; 5] = [
    "started Hi",
    "Hello ",
    "Ada",
    "completed Hello Ada",
    "completed Hello Ada",
];

fn hello() -> Script {
    Script::new()
        .text("Hello ")
        .text("Ada")
        .end(FinishReason::Stop)
}

#[tokio::test]
async fn a_follower_sees_the_whole_run_as_it_happens() {
    let gate = Gate::new();
    let script = Script::new()
        .text("Hello ")
        .wait(&gate)
        .text("Ada")
        .end(FinishReason::Stop);
    let service = Service::with([script]).await;
    let mut follower = service.post("Hi").await.unwrap().follow(0);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        seen.extend(follower.next().await.unwrap().unwrap());
    }
    assert_eq!(story(&seen), WHOLE[..2]);
    gate.open();
    seen.extend(read(follower).await);
    assert_eq!(story(&seen), WHOLE);
}

#[tokio::test]
async fn a_run_is_read_again_from_behind_any_event() {
    let service = Service::with([hello()]).await;
    let started = service.post("Hi").await.unwrap();
    let run = started.run.id;
    started.wait().await.unwrap();
    let follower = service
        .use_cases
        .runs
        .follow(&service.person, service.thread.id, run, 0);
    let all = read(follower.await.unwrap()).await;
    for after in 0..=all.last().unwrap().number {
        let runs = &service.use_cases.runs;
        let follower = runs
            .follow(&service.person, service.thread.id, run, after)
            .await;
        let skip = all.partition_point(|event| event.number <= after);
        assert_eq!(read(follower.unwrap()).await, all[skip..]);
    }
    assert_eq!(story(&all), WHOLE);
    let runs = &service.use_cases.runs;
    let beyond = runs
        .follow(&service.person, service.thread.id, run, u64::MAX)
        .await;
    assert_eq!(read(beyond.unwrap()).await, []);
}

#[tokio::test(start_paused = true)]
async fn another_instance_follows_a_run_to_its_end() {
    let gate = Gate::new();
    let script = Script::new()
        .text("Hello ")
        .wait(&gate)
        .text("Ada")
        .end(FinishReason::Stop);
    let service = Service::with([script]).await;
    let other = service.neighbour(OTHER);
    let started = service.post("Hi").await.unwrap();
    let (person, thread) = (&service.person, service.thread.id);
    let mut follower = other
        .runs
        .follow(person, thread, started.run.id, 0)
        .await
        .unwrap();
    let mut seen = follower.next().await.unwrap().unwrap();
    assert_eq!(story(&seen), WHOLE[..1]);
    let keeper = service.use_cases.engine.clone();
    let keeping = tokio::spawn(async move { keeper.keep().await });
    seen.extend(follower.next().await.unwrap().unwrap());
    assert_eq!(
        story(&seen),
        WHOLE[..2],
        "the keeper has stored the text so far"
    );
    gate.open();
    seen.extend(read(follower).await);
    assert_eq!(story(&seen), WHOLE);
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_run_ends_at_once_with_what_it_has() {
    let service = Service::with([Script::new().text("so far").hang()]).await;
    let started = service.post("Hi").await.unwrap();
    let follower = started.follow(0);
    // Paused time advances once the run is idle.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let runs = &service.use_cases.runs;
    let (person, thread, id) = (&service.person, service.thread.id, started.run.id);
    let run = runs.cancel(person, thread, id).await.unwrap();
    assert_eq!(run.status, RunStatus::Cancelled);
    let Err(Error::RunFailed(failure)) = started.wait().await else {
        panic!("a cancelled run has no outcome");
    };
    assert_eq!(failure.error.code, RunErrorCode::RunCancelled);
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("so far", MessageStatus::Incomplete)]
    );
    let expected = ["started Hi", "so far", "incomplete so far", "cancelled -"];
    assert_eq!(story(&read(follower).await), expected);
    assert_eq!(
        runs.cancel(person, thread, id).await.unwrap(),
        run,
        "cancelling again changes nothing"
    );
}

#[tokio::test]
async fn cancelling_a_run_that_has_ended_leaves_it_as_it_is() {
    let service = Service::with([hello()]).await;
    let outcome = service.ask("Hi").await.unwrap();
    let runs = &service.use_cases.runs;
    let run = runs
        .cancel(&service.person, service.thread.id, outcome.run.id)
        .await;
    assert_eq!(run.unwrap(), outcome.run);
}

#[tokio::test(start_paused = true)]
async fn another_instance_cancels_a_run_and_its_holder_lets_go() {
    let service = Service::with([Script::new().text("so far").hang()]).await;
    let keeper = service.use_cases.engine.clone();
    let keeping = tokio::spawn(async move { keeper.keep().await });
    let started = service.post("Hi").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let other = service.neighbour(OTHER);
    let (person, thread) = (&service.person, service.thread.id);
    let run = other
        .runs
        .cancel(person, thread, started.run.id)
        .await
        .unwrap();
    assert_eq!(run.status, RunStatus::Cancelled);
    let before = tokio::time::Instant::now();
    let Err(Error::RunFailed(failure)) = started.wait().await else {
        panic!("a cancelled run has no outcome");
    };
    assert_eq!(failure.run, run, "the holder sees the other instance's end");
    assert!(before.elapsed() <= Duration::from_secs(1));
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("so far", MessageStatus::Incomplete)]
    );
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn who_was_told_more_than_was_stored_learns_of_the_end_too() {
    let service = Service::with([Script::new().text("so ").text("far").hang()]).await;
    let started = service.post("Hi").await.unwrap();
    let mut follower = started.follow(0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let told = follower.next().await.unwrap().unwrap();
    assert_eq!(story(&told), ["started Hi", "so ", "far"]);
    // Nothing was stored yet when another instance ends the run.
    let other = service.neighbour(OTHER);
    let (person, thread) = (&service.person, service.thread.id);
    let run = other.runs.cancel(person, thread, started.run.id);
    let run = run.await.unwrap();
    let keeper = service.use_cases.engine.clone();
    let keeping = tokio::spawn(async move { keeper.keep().await });
    let end = read(follower).await;
    assert_eq!(story(&end), ["cancelled -"]);
    for event in &told {
        let resumed = other.runs.follow(person, thread, run.id, event.number);
        assert_eq!(read(resumed.await.unwrap()).await, end);
    }
    keeping.abort();
}

#[tokio::test]
async fn a_repeated_request_is_answered_by_the_first_ones_run() {
    let gate = Gate::new();
    let script = Script::new()
        .wait(&gate)
        .text("Hello")
        .end(FinishReason::Stop);
    let service = Service::with([script]).await;
    let first = service.post_as("Hi", Some("k")).await.unwrap();
    let joined = service.post_as("Hi", Some("k")).await.unwrap();
    assert!(!first.is_replay && joined.is_replay);
    gate.open();
    let first = first.wait().await.unwrap();
    let joined = joined.wait().await.unwrap();
    let replayed = service
        .post_as("Hi", Some("k"))
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    for other in [joined, replayed] {
        assert_eq!(other.run, first.run);
        assert_eq!(other.messages, first.messages);
        assert_eq!(other.output(), Some("Hello"));
    }
    assert_eq!(service.model.requests().len(), 1);
    assert_eq!(service.stored().await.len(), 2);
}

#[tokio::test]
async fn a_key_with_another_request_is_refused() {
    let service = Service::with([hello()]).await;
    service
        .post_as("Hi", Some("k"))
        .await
        .unwrap()
        .wait()
        .await
        .unwrap();
    let other = service.post_as("Ho", Some("k")).await;
    assert!(matches!(other, Err(Error::IdempotencyMismatch)));
    assert_eq!(service.stored().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_request_after_a_crash_finds_the_run_interrupted() {
    let service = Service::with([Script::new().hang()]).await;
    let _lost = service.post_as("Hi", Some("k")).await.unwrap();
    let successor = service.neighbour(INSTANCE);
    successor.engine.recover().await.unwrap();
    let job = service.post_as("Hi", Some("k"));
    let Err(Error::RunFailed(failure)) = job.await.unwrap().wait().await else {
        panic!("the run was interrupted");
    };
    assert_eq!(failure.error.code, RunErrorCode::Interrupted);
    assert_eq!(service.stored().await, [human("Hi")]);
}
