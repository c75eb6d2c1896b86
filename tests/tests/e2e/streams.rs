//! Following, leaving and cancelling runs.

use std::time::{Duration, Instant};

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::events::Event;
use colloquy_tests::model_server::{Gate, Reply};
use colloquy_tests::on_both_backends;
use hyper::Method;
use serde_json::json;

use crate::scene::{Scene, kinds, run_of, said};
use crate::{REVOCATION_LAG, answer_soon};

on_both_backends![
    a_stream_tells_the_run_as_it_happens,
    a_stream_is_resumed_behind_every_event,
    what_a_model_says_cannot_forge_events,
    a_run_goes_on_when_its_reader_leaves,
    a_post_may_be_answered_later,
    a_cancelled_run_ends_everywhere,
    a_failed_run_says_so_in_its_stream,
    strangers_neither_follow_nor_cancel,
    a_stream_ends_soon_after_its_reader_is_disabled,
    a_stream_ends_soon_after_its_reader_is_no_administrator_any_more,
    a_stream_ends_soon_after_its_thread_is_deleted,
    a_killed_services_stream_is_resumed_to_an_interruption,
];

async fn a_stream_tells_the_run_as_it_happens(backend: Backend) {
    let gate = Gate::new();
    let reply = Reply::events()
        .text("Hello ")
        .wait(&gate)
        .text("Ada")
        .finish("stop")
        .done();
    let scene = Scene::with(backend, reply).await;
    let mut stream = scene.stream("Hi").await;
    let started = stream.next().await.unwrap();
    assert_eq!(started.number, 1);
    assert_eq!(started.data["message"]["content"], "Hi");
    assert_eq!(started.data["run"]["status"], "in_progress");
    let first = stream.next().await.unwrap();
    assert_eq!(first.data["text"], "Hello ");
    gate.open();
    let rest = stream.rest().await;
    let all: Vec<Event> = [started, first].into_iter().chain(rest).collect();
    let numbers: Vec<u64> = all.iter().map(|event| event.number).collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    assert_eq!(said(&all), "Hello Ada");
    assert_eq!(
        kinds(&all),
        ["run.started", "message.completed", "run.completed"]
    );
    let last = &all[all.len() - 1].data;
    assert_eq!(last["output"], "Hello Ada");
    assert_eq!(last["run"]["status"], "completed");
    let stored = scene.messages().await;
    assert_eq!(stored[1], all[all.len() - 2].data["message"]);
}

async fn a_stream_is_resumed_behind_every_event(backend: Backend) {
    let pieces: Vec<String> = (0..20).map(|number| format!("{number} ")).collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    let scene = Scene::with(backend, Reply::stream(&pieces)).await;
    let all = scene.stream("Count").await.rest().await;
    assert_eq!(said(&all), pieces.concat());
    let run = run_of(&all[0]);
    let last = all.last().unwrap().number;
    // Includes the numbers of events hidden from clients.
    for after in 0..=last {
        let rest = scene.follow(&scene.user, &run, after).await.rest().await;
        let begin = all.partition_point(|event| event.number <= after);
        assert_eq!(rest, all[begin..], "after {after}");
    }
    let beyond = scene
        .follow(&scene.user, &run, 1_000_000)
        .await
        .rest()
        .await;
    assert_eq!(beyond, []);
}

async fn what_a_model_says_cannot_forge_events(backend: Backend) {
    let hostile =
        "a\r\nb\n\ndata: {}\nevent: run.completed\nid: 99\n\n\u{2028}\u{2029}\u{85}: c\u{feff}";
    let large = "x".repeat(200_000);
    let scene = Scene::with(backend, Reply::stream(&[hostile, &large, hostile])).await;
    let all = scene.stream("Go").await.rest().await;
    let expected = format!("{hostile}{large}{hostile}");
    assert_eq!(said(&all), expected);
    assert_eq!(
        kinds(&all),
        ["run.started", "message.completed", "run.completed"]
    );
    assert_eq!(scene.messages().await[1]["content"], expected);
}

async fn a_run_goes_on_when_its_reader_leaves(backend: Backend) {
    let gate = Gate::new();
    let reply = Reply::events()
        .text("a")
        .wait(&gate)
        .text("b")
        .finish("stop")
        .done();
    let scene = Scene::with(backend, reply).await;
    let mut stream = scene.stream("Hi").await;
    let run = run_of(&stream.next().await.unwrap());
    let first = stream.next().await.unwrap();
    assert_eq!(first.data["text"], "a");
    drop(stream);
    gate.open();
    let rest = scene.follow(&scene.user, &run, first.number).await;
    let rest = rest.rest().await;
    assert_eq!(said(&rest), "b");
    assert_eq!(scene.messages().await[1]["content"], "ab");
}

async fn a_post_may_be_answered_later(backend: Backend) {
    let gate = Gate::new();
    let scene = Scene::with(backend, Reply::answer("later").held(&gate)).await;
    let path = scene.path("/messages");
    let post = scene
        .user
        .request(Method::POST, &path)
        .json(&scene.body("Hi"));
    let answer = post.header("prefer", "respond-async").send().await;
    let location = answer.header("location").unwrap().to_owned();
    let run = answer.expect(202)["run"].clone();
    assert_eq!(run["status"], "in_progress");
    assert!(location.ends_with(text(&run["id"])));
    gate.open();
    let events = scene
        .follow(&scene.user, text(&run["id"]), 0)
        .await
        .rest()
        .await;
    assert_eq!(events[events.len() - 1].data["output"], "later");
}

async fn a_cancelled_run_ends_everywhere(backend: Backend) {
    let scene = Scene::with(backend, Reply::events().text("so far").hang()).await;
    let mut stream = scene.stream("Hi").await;
    let run = run_of(&stream.next().await.unwrap());
    stream.next().await.unwrap();
    let path = scene.path(&format!("/runs/{run}/cancel"));
    let asked = Instant::now();
    let cancel = || scene.user.request(Method::POST, &path);
    let ended = cancel().send().await.expect(200);
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(ended["status"], "cancelled");
    scene.models.abandoned(1).await;
    let rest = stream.rest().await;
    assert_eq!(kinds(&rest), ["message.completed", "run.cancelled"]);
    assert_eq!(
        cancel().send().await.expect(200),
        ended,
        "once more changes nothing"
    );
    let stored = scene.messages().await;
    assert_eq!(stored[1]["content"], "so far");
    assert_eq!(stored[1]["status"], "incomplete");
}

async fn a_failed_run_says_so_in_its_stream(backend: Backend) {
    let scene = Scene::with(backend, Reply::events().text("half").reset()).await;
    let all = scene.stream("Hi").await.rest().await;
    assert_eq!(
        kinds(&all),
        ["run.started", "message.completed", "run.failed"]
    );
    let last = &all[all.len() - 1].data;
    assert_eq!(last["error"]["code"], "model_error");
    assert_eq!(last["run"]["status"], "failed");
    assert_eq!(all[all.len() - 2].data["message"]["status"], "incomplete");
}

async fn strangers_neither_follow_nor_cancel(backend: Backend) {
    let scene = Scene::with(backend, Reply::events().text("secret").hang()).await;
    let mut stream = scene.stream("Hi").await;
    let run = run_of(&stream.next().await.unwrap());
    let stranger = scene.server.user("bob").await;
    let events = scene.path(&format!("/runs/{run}/events"));
    stranger.get(&events).await.problem(404, "entity_not_found");
    let cancel = scene.path(&format!("/runs/{run}/cancel"));
    let refused = stranger.request(Method::POST, &cancel).send().await;
    refused.problem(404, "entity_not_found");
    let still = scene.user.get(&scene.path(&format!("/runs/{run}"))).await;
    assert_eq!(still.expect(200)["status"], "in_progress");
    let admin = scene.server.admin().await;
    let ended = admin
        .request(Method::POST, &cancel)
        .send()
        .await
        .expect(200);
    assert_eq!(ended["status"], "cancelled");
}

async fn a_stream_ends_soon_after_its_reader_is_disabled(backend: Backend) {
    let scene = Scene::with(backend, Reply::events().text("so far").hang()).await;
    let mut stream = scene.stream("Hi").await;
    let run = run_of(&stream.next().await.unwrap());
    scene.disable_user().await;
    let disabled = Instant::now();
    let rest = stream.rest().await;
    assert!(disabled.elapsed() <= REVOCATION_LAG + Duration::from_secs(1));
    // The run ends too, perhaps before its stream closes.
    for kind in kinds(&rest) {
        assert!(
            ["message.completed", "run.failed"].contains(&kind),
            "{kind}"
        );
    }
    let admin = scene.server.admin().await;
    let events = scene.follow(&admin, &run, 0).await.rest().await;
    let end = events.last().unwrap();
    assert_eq!(end.data["error"]["code"], "access_revoked");
    assert!(disabled.elapsed() <= REVOCATION_LAG + Duration::from_secs(1));
}

async fn a_stream_ends_soon_after_its_reader_is_no_administrator_any_more(backend: Backend) {
    let scene = Scene::with(backend, Reply::events().text("so far").hang()).await;
    let mut own = scene.stream("Hi").await;
    let run = run_of(&own.next().await.unwrap());
    let second = scene.server.user("eve").await;
    let me = second.get("/users/me").await.expect(200);
    let path = format!("/users/{}", text(&me["id"]));
    let admin = scene.server.admin().await;
    let role = async |role: &str| admin.patch(&path, json!({"role": role})).await.expect(200);
    role("admin").await;
    answer_soon(&second, &scene.path(""), 200).await;
    let stream = scene.follow(&second, &run, 0).await;
    role("user").await;
    let demoted = Instant::now();
    let seen = stream.rest().await;
    assert!(demoted.elapsed() <= REVOCATION_LAG + Duration::from_secs(1));
    assert_eq!(kinds(&seen), ["run.started"]);
    let refused = second.get(&scene.path("")).await;
    refused.problem(404, "entity_not_found");
    // Other users' streams continue.
    own.next().await.unwrap();
    let cancel = scene.path(&format!("/runs/{run}/cancel"));
    let cancelled = scene.user.request(Method::POST, &cancel).send().await;
    cancelled.expect(200);
    assert_eq!(
        kinds(&own.rest().await),
        ["message.completed", "run.cancelled"]
    );
}

async fn a_stream_ends_soon_after_its_thread_is_deleted(backend: Backend) {
    let scene = Scene::with(backend, Reply::events().text("so far").hang()).await;
    let mut stream = scene.stream("Hi").await;
    stream.next().await.unwrap();
    scene.user.delete(&scene.path("")).await.expect(204);
    let deleted = Instant::now();
    stream.rest().await;
    assert!(deleted.elapsed() <= REVOCATION_LAG + Duration::from_secs(1));
    scene.models.abandoned(1).await;
}

async fn a_killed_services_stream_is_resumed_to_an_interruption(backend: Backend) {
    let mut scene = Scene::with(backend, Reply::events().text("so far").hang()).await;
    let run = {
        let mut stream = scene.stream("Hi").await;
        let run = run_of(&stream.next().await.unwrap());
        stream.next().await.unwrap();
        run
    };
    scene.server.kill9().await;
    scene.restart().await;
    let all = scene.follow(&scene.user, &run, 0).await.rest().await;
    assert_eq!(all[0].kind, "run.started");
    let last = &all[all.len() - 1];
    assert_eq!(last.kind, "run.failed");
    assert_eq!(last.data["error"]["code"], "interrupted");
    // The last stored batch is there, marked incomplete.
    let stored = scene.messages().await;
    assert_eq!(stored[0]["content"], "Hi");
    for partial in &stored[1..] {
        assert_eq!(partial["content"], said(&all));
        assert_eq!(partial["status"], "incomplete");
    }
}
