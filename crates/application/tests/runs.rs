//! The run engine on the fakes: storage, retries and failures.

mod support;

use std::time::Duration;

use chrono::TimeDelta;
use colloquy_application::Error;
use colloquy_application::ports::{InstanceId, ModelError, ModelErrorKind, PortError, TokenHash};
use colloquy_application::runs::{RunJob, StartMessage};
use colloquy_application::testing::fakes::{Gate, Script};
use colloquy_domain::{
    FinishReason, MessageContent, MessageKind, MessageStatus, RunErrorCode, RunStatus,
};
use tokio::time::Instant;
use uuid::Uuid;

use support::{INSTANCE, Service, ai, human, model, user};

#[tokio::test]
async fn an_answer_is_stored_behind_its_question() {
    let service = Service::with([Script::new()
        .text("Hello ")
        .text("Ada")
        .end(FinishReason::Stop)])
    .await;
    let outcome = service.ask("Hi").await.unwrap();
    assert_eq!(outcome.run.status, RunStatus::Completed);
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::Stop));
    assert_eq!(outcome.messages[1].content, "Hello Ada");
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("Hello Ada", MessageStatus::Completed)]
    );
}

#[tokio::test]
async fn the_message_is_saved_before_the_model_is_asked() {
    let gate = Gate::new();
    let service =
        Service::with([Script::new().wait(&gate).text("ok").end(FinishReason::Stop)]).await;
    let started = service.post("Hi").await.unwrap();
    service.model.asked(1).await;
    assert_eq!(service.stored().await, [human("Hi")]);
    gate.open();
    started.wait().await.unwrap();
}

#[tokio::test]
async fn a_run_goes_on_when_nobody_waits_for_it() {
    let gate = Gate::new();
    let service =
        Service::with([Script::new().wait(&gate).text("ok").end(FinishReason::Stop)]).await;
    drop(service.post("Hi").await.unwrap());
    gate.open();
    service.use_cases.engine.stop(Duration::from_secs(60)).await;
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("ok", MessageStatus::Completed)]
    );
}

#[tokio::test]
async fn a_busy_thread_takes_no_message_and_is_free_after_the_run() {
    let gate = Gate::new();
    let service = Service::with([
        Script::new().wait(&gate).text("1").end(FinishReason::Stop),
        Script::answer("2"),
    ])
    .await;
    let first = service.post("one").await.unwrap();
    assert!(matches!(
        service.post("meanwhile").await,
        Err(Error::ThreadBusy(_))
    ));
    gate.open();
    first.wait().await.unwrap();
    service.ask("two").await.unwrap();
    let texts: Vec<_> = service
        .stored()
        .await
        .into_iter()
        .map(|row| row.1)
        .collect();
    assert_eq!(texts, ["one", "1", "two", "2"]);
}

#[tokio::test]
async fn the_model_is_told_the_instructions_and_the_history() {
    let service = Service::with([Script::answer("first"), Script::answer("second")]).await;
    service.ask("one").await.unwrap();
    service.ask("two").await.unwrap();
    let requests = service.model.requests();
    assert_eq!(requests[1].instructions.as_deref(), Some("Be brief."));
    let expected = [user("one"), model("first"), user("two")];
    assert_eq!(requests[1].messages, expected);
}

#[tokio::test(start_paused = true)]
async fn a_failure_keeps_the_message_and_the_partial_text() {
    let broken = Script::new()
        .text("The answer is")
        .fail(ModelErrorKind::Unreachable);
    let service = Service::with([broken, Script::answer("fine")]).await;
    let failure = service.fails("Hi").await;
    assert_eq!(failure.error.code, RunErrorCode::ModelError);
    assert_eq!(failure.run.status, RunStatus::Failed);
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("The answer is", MessageStatus::Incomplete)]
    );
    assert_eq!(
        service.model.requests().len(),
        1,
        "no attempt after the first text"
    );
    service.ask("And now?").await.unwrap();
}

#[tokio::test]
async fn a_failure_without_text_leaves_no_empty_message() {
    let service = Service::with([Script::refusal(ModelErrorKind::Refused)]).await;
    service.fails("Hi").await;
    assert_eq!(service.stored().await, [human("Hi")]);
}

#[tokio::test(start_paused = true)]
async fn every_failure_has_its_code_and_its_number_of_attempts() {
    use ModelErrorKind as Kind;
    for (kind, attempts, code) in [
        (Kind::Unreachable, 3, RunErrorCode::ModelError),
        (Kind::Unavailable, 3, RunErrorCode::ModelError),
        (Kind::RateLimited, 3, RunErrorCode::ModelRateLimited),
        (Kind::TimedOut, 1, RunErrorCode::ModelTimeout),
        (Kind::NotConfigured, 1, RunErrorCode::ModelNotConfigured),
        (Kind::ContextTooLong, 1, RunErrorCode::ContextTooLong),
        (Kind::Refused, 1, RunErrorCode::ModelError),
        (Kind::Broken, 1, RunErrorCode::ModelError),
    ] {
        let service = Service::with((0..9).map(|_| Script::refusal(kind))).await;
        assert_eq!(service.fails("Hi").await.error.code, code, "{kind:?}");
        assert_eq!(service.model.requests().len(), attempts, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_answered_by_another_attempt() {
    let service = Service::with([
        Script::refusal(ModelErrorKind::Unavailable),
        Script::new().fail(ModelErrorKind::Unreachable),
        Script::answer("at last"),
    ])
    .await;
    let outcome = service.ask("Hi").await.unwrap();
    assert_eq!(outcome.messages[1].content, "at last");
}

fn rate_limited(retry_after: Duration) -> Script {
    Script::refusal(ModelError {
        kind: ModelErrorKind::RateLimited,
        retry_after: Some(retry_after),
        source: None,
    })
}

#[tokio::test(start_paused = true)]
async fn the_wait_that_the_provider_asks_for_is_kept() {
    let wait = Duration::from_secs(119);
    let service = Service::with([rate_limited(wait), Script::answer("ok")]).await;
    let begin = Instant::now();
    service.ask("Hi").await.unwrap();
    let took = begin.elapsed();
    assert!(
        (wait..wait + Duration::from_secs(1)).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_does_not_fit_the_run_is_given_up_at_once_and_passed_on() {
    for wait in [
        Duration::from_secs(601),
        Duration::from_secs(u64::MAX),
        Duration::MAX,
    ] {
        let service = Service::with([rate_limited(wait), Script::answer("ok")]).await;
        let begin = Instant::now();
        let failure = service.fails("Hi").await;
        assert_eq!(failure.error.code, RunErrorCode::ModelRateLimited);
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert_eq!(failure.retry_after, Some(wait));
    }
}

#[tokio::test(start_paused = true)]
async fn silence_and_slowness_end_at_their_limits() {
    let drip = (0..100).fold(Script::new(), |script, _| {
        script.pause(Duration::from_secs(55)).text("x")
    });
    let empty = (0..100).fold(Script::new().text("x"), |script, _| {
        script.pause(Duration::from_secs(50)).text("")
    });
    for (script, limit, text) in [
        (Script::new().hang(), 60, ""),
        (Script::new().text("x").hang(), 60, "x"),
        (empty, 60, "x"),
        (drip, 600, "xxxxxxxxxx"),
    ] {
        let service = Service::with([script]).await;
        let begin = Instant::now();
        let failure = service.fails("Hi").await;
        assert_eq!(failure.error.code, RunErrorCode::ModelTimeout);
        assert_eq!(begin.elapsed().as_secs(), limit);
        let kept = (!text.is_empty()).then(|| ai(text, MessageStatus::Incomplete));
        let expected: Vec<_> = std::iter::once(human("Hi")).chain(kept).collect();
        assert_eq!(service.stored().await, expected);
    }
}

#[tokio::test]
async fn a_stream_without_an_end_is_a_failure() {
    let service = Service::with([Script::new().text("half")]).await;
    assert_eq!(
        service.fails("Hi").await.error.code,
        RunErrorCode::ModelError
    );
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("half", MessageStatus::Incomplete)]
    );
}

#[tokio::test]
async fn an_answer_cut_by_a_limit_or_a_filter_completes_with_an_incomplete_message() {
    for reason in [FinishReason::Length, FinishReason::ContentFilter] {
        let service = Service::with([Script::new().text("some").end(reason)]).await;
        let outcome = service.ask("Hi").await.unwrap();
        assert_eq!(outcome.run.status, RunStatus::Completed);
        assert_eq!(outcome.run.finish_reason, Some(reason));
        assert_eq!(outcome.messages[1].status, MessageStatus::Incomplete);
    }
}

#[tokio::test]
async fn an_endless_answer_is_cut_at_its_byte_limit() {
    let script = (0..20).fold(Script::new(), |script, _| script.text(&"é".repeat(33)));
    let service = Service::with([script.hang()]).await;
    let outcome = service.ask("Hi").await.unwrap();
    assert_eq!(outcome.run.finish_reason, Some(FinishReason::Length));
    assert_eq!(outcome.messages[1].content, "é".repeat(500));
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_what_is_left_as_interrupted_with_what_it_has() {
    let service = Service::with([Script::new().text("so far").hang()]).await;
    let started = service.post("Hi").await.unwrap();
    // Paused time advances once the run is idle.
    tokio::time::sleep(Duration::from_secs(1)).await;
    service.use_cases.engine.stop(Duration::ZERO).await;
    let Err(Error::RunFailed(failure)) = started.wait().await else {
        panic!("the run was not ended");
    };
    assert_eq!(failure.error.code, RunErrorCode::Interrupted);
    assert!(matches!(service.post("Hi").await, Err(Error::Stopping)));
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("so far", MessageStatus::Incomplete)]
    );
}

#[tokio::test]
async fn a_restarted_process_ends_what_its_predecessor_left() {
    let service = Service::with([Script::new().hang()]).await;
    let started = service.post("Hi").await.unwrap();
    let other = service.neighbour(InstanceId(Uuid::from_u128(2)));
    other.engine.recover().await.unwrap();
    let run = |id| {
        service
            .use_cases
            .runs
            .get(&service.person, service.thread.id, id)
    };
    assert_eq!(
        run(started.run.id).await.unwrap().status,
        RunStatus::InProgress
    );
    let successor = service.neighbour(INSTANCE);
    successor.engine.recover().await.unwrap();
    let run = run(started.run.id).await.unwrap();
    assert_eq!(run.error.unwrap().code, RunErrorCode::Interrupted);
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_renewed_while_the_run_lives_and_runs_out_when_its_instance_is_gone() {
    let service = Service::with([Script::new().hang()]).await;
    let started = service.post("Hi").await.unwrap();
    let other = service.neighbour(InstanceId(Uuid::from_u128(2)));
    let status = || async {
        let run = service
            .use_cases
            .runs
            .get(&service.person, service.thread.id, started.run.id);
        run.await.unwrap().status
    };
    for _ in 0..10 {
        service.clock.advance(TimeDelta::seconds(19));
        let _ = tokio::time::timeout(Duration::ZERO, service.use_cases.engine.keep()).await;
        other.engine.recover().await.unwrap();
        assert_eq!(status().await, RunStatus::InProgress);
    }
    service.clock.advance(TimeDelta::seconds(21));
    other.engine.recover().await.unwrap();
    assert_eq!(status().await, RunStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_run_waits_for_a_store_that_is_away() {
    let gate = Gate::new();
    let service =
        Service::with([Script::new().text("ok").wait(&gate).end(FinishReason::Stop)]).await;
    let started = service.post("Hi").await.unwrap();
    service.model.asked(1).await;
    service.memory.set_down(true);
    gate.open();
    tokio::time::advance(Duration::from_secs(2)).await;
    service.memory.set_down(false);
    started.wait().await.unwrap();
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("ok", MessageStatus::Completed)]
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_long_for_a_store_that_is_away_and_the_end_is_stored_when_it_is_back() {
    let gate = Gate::new();
    let service =
        Service::with([Script::new().text("ok").wait(&gate).end(FinishReason::Stop)]).await;
    let started = service.post("Hi").await.unwrap();
    service.model.asked(1).await;
    service.memory.set_down(true);
    gate.open();
    let begin = Instant::now();
    let told = started.wait().await;
    assert!(matches!(told, Err(Error::Port(PortError::Unavailable(_)))));
    assert!(begin.elapsed() < Duration::from_secs(5));
    // Longer than a lease.
    tokio::time::sleep(Duration::from_secs(120)).await;
    service.memory.set_down(false);
    service.use_cases.engine.stop(Duration::from_secs(60)).await;
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("ok", MessageStatus::Completed)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_whose_outcome_is_lost_does_not_keep_the_thread_busy() {
    let service = Service::with([Script::new().text("ok").end(FinishReason::Stop)]).await;
    let job = RunJob {
        thread_id: service.thread.id,
        thread_name: None,
        actor: service.person.clone(),
        assistant: service.assistant.clone().into(),
        instructions: None,
        settings: None,
        messages: vec![StartMessage {
            kind: MessageKind::Human,
            content: MessageContent::parse("Hi").unwrap(),
        }],
        earlier: None,
        truncate_after: None,
        idempotency: None,
        bypasses_cache: false,
    };
    service.memory.set_mute(true);
    let lost = service.use_cases.engine.start(job).await;
    assert!(matches!(lost, Err(Error::Port(PortError::Unavailable(_)))));
    service.memory.set_mute(false);
    assert!(matches!(
        service.post("Hi").await,
        Err(Error::ThreadBusy(_))
    ));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let again = service.post("Hi").await.unwrap();
    again.wait().await.unwrap();
    assert_eq!(
        service.stored().await,
        [human("Hi"), human("Hi"), ai("ok", MessageStatus::Completed)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_was_never_stored_leaves_nothing_behind() {
    let service = Service::with([Script::new().text("ok").end(FinishReason::Stop)]).await;
    service.memory.set_down(true);
    assert!(service.post("Hi").await.is_err());
    service.memory.set_down(false);
    service.post("Hi").await.unwrap().wait().await.unwrap();
    service.use_cases.engine.stop(Duration::from_secs(60)).await;
    assert_eq!(
        service.stored().await,
        [human("Hi"), ai("ok", MessageStatus::Completed)]
    );
}

#[test]
fn a_token_hash_does_not_print() {
    assert_eq!(format!("{:?}", TokenHash([7; 32])), "TokenHash(..)");
}
