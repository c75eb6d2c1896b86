//! What ends streams.

use std::time::Duration;

use colloquy_application::testing::fakes::{Gate, Script};
use serde_json::json;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use crate::conversation::Conversation;
use crate::sse::{Block, Events, names, said};
use crate::streams::{WHOLE, gated, run};
use crate::support::Api;

/// Maximum time until revoked rights take effect.
const LOSS: Duration = Duration::from_secs(5);

/// Waits for the end of the stream, without a last event.
async fn lost(mut stream: Events) {
    let end = timeout(LOSS, stream.next()).await;
    assert_eq!(end.expect("the stream goes on"), None);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_ends_its_streams_and_no_run() {
    let c = Conversation::new().await;
    let gate = Gate::new();
    let mut stream = c.stream(gated(&gate)).await;
    let id = stream.take(2).await[0].data["run"]["id"].clone();
    let mut second = c
        .api
        .get(&c.events_path(id.as_str().unwrap()))
        .by(&c.admin)
        .open()
        .await;
    second.take(2).await;
    c.api
        .post("/auth/logout")
        .by(&c.user)
        .send()
        .await
        .no_content();
    lost(stream).await;
    gate.open();
    assert_eq!(names(&second.rest().await), WHOLE[2..]);
}

#[tokio::test(start_paused = true)]
async fn a_disabled_user_follows_no_longer() {
    let c = Conversation::new().await;
    let mut stream = c.stream(Script::new().text("Hi").hang()).await;
    stream.take(2).await;
    let path = format!("/users/{}", c.user.user.id);
    let disable = c
        .api
        .patch(&path)
        .by(&c.admin)
        .json(&json!({"is_active": false}));
    disable.send().await.ok(200);
    // The run ends at once; its end may or may not be told before the stream is cut off.
    let rest = timeout(LOSS, stream.rest()).await;
    let rest = rest.expect("the stream goes on");
    assert!(["message.completed", "run.failed"].starts_with(&names(&rest)));
}

#[tokio::test(start_paused = true)]
async fn a_thread_that_is_deleted_has_no_stream() {
    let c = Conversation::new().await;
    let mut stream = c.stream(Script::new().text("Hi").hang()).await;
    stream.take(2).await;
    let path = format!("/threads/{}", c.thread);
    c.api.delete(&path).by(&c.user).send().await.no_content();
    lost(stream).await;
}

#[tokio::test(start_paused = true)]
async fn rights_that_are_lost_end_a_stream_that_is_never_silent() {
    let c = Conversation::new().await;
    let script = (0..1_000).fold(Script::new(), |script, _| {
        script.pause(Duration::from_millis(10)).text("and ")
    });
    let mut stream = c.stream(script).await;
    stream.take(2).await;
    c.api
        .post("/auth/logout")
        .by(&c.user)
        .send()
        .await
        .no_content();
    let rest = timeout(LOSS, stream.rest()).await.unwrap();
    assert_eq!(said(&rest), "and ".repeat(rest.len()));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_for_a_while_ends_no_stream() {
    let c = Conversation::new().await;
    let gate = Gate::new();
    let mut stream = c.stream(gated(&gate)).await;
    stream.take(2).await;
    c.api.store.set_down(true);
    assert!(timeout(LOSS, stream.next()).await.is_err());
    c.api.store.set_down(false);
    gate.open();
    assert_eq!(names(&stream.rest().await), WHOLE[2..]);
}

#[tokio::test(start_paused = true)]
async fn a_comment_breaks_the_silence() {
    let c = Conversation::new().await;
    let mut stream = c.stream(Script::new().text("Hi").hang()).await;
    stream.take(2).await;
    for _ in 0..3 {
        let before = Instant::now();
        let comment = Block::Comment("keep-alive".to_owned());
        assert_eq!(stream.block().await, Some(comment));
        assert!(before.elapsed() <= Duration::from_millis(15_001));
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_stops_tells_those_who_follow_its_runs() {
    let draining = CancellationToken::new();
    let api = Api::with(|_| {}, |options| options.draining = draining.clone());
    let c = Conversation::over(api).await;
    let mut stream = c.stream(Script::new().text("Hi").hang()).await;
    stream.take(2).await;
    draining.cancel();
    let grace = Duration::from_secs(3);
    let before = Instant::now();
    let (rest, ()) = tokio::join!(stream.rest(), c.api.use_cases.engine.stop(grace));
    assert_eq!(names(&rest), ["message.completed", "run.failed"]);
    assert_eq!(rest[1].data["error"]["code"], "interrupted");
    assert_eq!(before.elapsed(), grace);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_stops_keeps_nobody_waiting_for_the_runs_of_others() {
    let c = Conversation::new().await;
    let id = c.start(Script::new().hang()).await;
    let draining = CancellationToken::new();
    let other = c
        .api
        .neighbour(|options| options.draining = draining.clone());
    let mut stream = other.get(&c.events_path(&id)).by(&c.user).open().await;
    assert_eq!(names(&stream.take(1).await), ["run.started"]);
    assert!(
        timeout(LOSS, stream.next()).await.is_err(),
        "the run goes on"
    );
    draining.cancel();
    let before = Instant::now();
    assert_eq!(stream.next().await, None);
    assert!(before.elapsed() <= Duration::from_secs(1));
    assert_eq!(run(&c, &id).await["status"], "in_progress");

    c.api
        .post(&format!("{}/cancel", c.run_path(&id)))
        .by(&c.user)
        .send()
        .await
        .ok(200);
    let ended = other.get(&c.events_path(&id)).by(&c.user).open().await;
    assert_eq!(names(&ended.rest().await), ["run.started", "run.cancelled"]);
}
