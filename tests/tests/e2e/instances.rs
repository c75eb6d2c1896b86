//! Two instances on one database.

use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::events::{Event, EventStream};
use colloquy_tests::model_server::{Gate, Reply, Request, Script};
use colloquy_tests::on_postgres;
use colloquy_tests::server::Colloquy;
use futures_util::future::{join, join_all};
use hyper::Method;
use serde_json::{Value, json};

use crate::pauses::{function_then_answer, functions, outputs};
use crate::scene::{Scene, kinds, run_of, said};
use crate::{REVOCATION_LAG, answer_soon};

on_postgres![
    runs_of_a_killed_instance_are_ended_by_the_other,
    a_restarted_instance_ends_its_own_runs_and_no_others,
    a_run_is_followed_on_the_other_instance,
    a_run_is_cancelled_through_the_other_instance,
    equal_posts_to_both_instances_are_one,
    a_paused_run_goes_on_on_the_other_instance,
    a_thread_is_busy_on_both_instances,
    a_revoked_token_counts_on_neither_instance,
    a_disabled_user_counts_on_neither_instance,
];

/// Maximum time until a dead instance's runs end: lease plus sweep.
const INTERRUPTION: Duration = Duration::from_secs(30);
/// Runs per instance when one dies.
const RUNS: usize = 4;

/// A scene and another instance.
pub(crate) struct Pair {
    pub(crate) one: Scene,
    pub(crate) other: Colloquy,
    /// The same user on the other instance.
    pub(crate) there: Client,
}

impl Pair {
    pub(crate) async fn with(script: impl Into<Script>) -> Self {
        let one = Scene::with(Backend::Postgres, script).await;
        let other = one.server.installation().neighbour().serve().await;
        let there = one.user.at(other.origin());
        Self { one, other, there }
    }

    /// Starts runs on both: endless on the first, gated on the other.
    async fn at_work(gate: &Gate) -> (Self, Vec<UnderWay>, Vec<UnderWay>) {
        let gate = gate.clone();
        let script = Script::new(move |request| match asked(request) {
            "endless" => endless(),
            "short" => Reply::answer("short"),
            _ => Reply::events()
                .text("so ")
                .wait(&gate)
                .text("far")
                .finish("stop")
                .done(),
        });
        let pair = Self::with(script).await;
        let ask_all = async |client: &Client, content: &str| {
            let asked = (0..RUNS).map(|_| UnderWay::ask(client, &pair.one.assistant, content));
            join_all(asked).await
        };
        let lost = ask_all(&pair.one.user, "endless").await;
        let kept = ask_all(&pair.there, "gated").await;
        (pair, lost, kept)
    }

    /// Opens the gate; all of the other instance's runs complete.
    async fn assert_complete(&self, kept: Vec<UnderWay>, gate: &Gate) {
        for run in &kept {
            assert_eq!(run.read(&self.there).await["status"], "in_progress");
        }
        gate.open();
        for mut run in kept {
            let rest = run.stream.take().unwrap().rest().await;
            assert_eq!(said(&rest), "far");
            assert_eq!(kinds(&rest), ["message.completed", "run.completed"]);
        }
    }
}

fn asked(request: &Request) -> &str {
    let messages = request.body["messages"].as_array().unwrap();
    text(&messages[messages.len() - 1]["content"])
}

fn endless() -> Reply {
    Reply::events().endless("on and on ", Duration::from_millis(5))
}

/// A run in its own thread and its stream, two events in.
struct UnderWay {
    thread: String,
    path: String,
    stream: Option<EventStream>,
}

impl UnderWay {
    async fn ask(client: &Client, assistant: &str, content: &str) -> Self {
        let thread = client.create_thread().await;
        let path = format!("/threads/{thread}/messages");
        let body = json!({"assistant_id": assistant, "content": content});
        let post = client.request(Method::POST, &path).json(&body);
        let mut stream = post.events().await;
        let run = run_of(&stream.next().await.unwrap());
        let path = format!("/threads/{thread}/runs/{run}");
        assert_eq!(stream.next().await.unwrap().kind, "message.delta");
        Self {
            thread,
            path,
            stream: Some(stream),
        }
    }

    async fn read(&self, client: &Client) -> Value {
        client.get(&self.path).await.expect(200)
    }

    async fn events(&self, client: &Client, after: u64) -> EventStream {
        let path = format!("{}/events", self.path);
        let request = client.request(Method::GET, &path);
        let request = request.header("last-event-id", &after.to_string());
        request.events().await
    }

    /// The events after `after`.
    async fn follow(&self, client: &Client, after: u64) -> Vec<Event> {
        self.events(client, after).await.rest().await
    }

    async fn assert_interrupted(&self, client: &Client) {
        let run = self.read(client).await;
        assert_eq!(run["status"], "failed", "{run}");
        assert_eq!(run["error"]["code"], "interrupted");
    }
}

/// Ascending numbers and one end, last.
fn assert_ends_once(events: &[Event], kind: &str) {
    assert!(events.is_sorted_by(|a, b| a.number < b.number));
    let is_end = |event: &&Event| event.kind.starts_with("run.") && event.kind != "run.started";
    let ends: Vec<&Event> = events.iter().filter(is_end).collect();
    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0], &events[events.len() - 1]);
    assert_eq!(ends[0].kind, kind);
}

async fn runs_of_a_killed_instance_are_ended_by_the_other() {
    let gate = Gate::new();
    let (mut pair, mut lost, kept) = Pair::at_work(&gate).await;
    for run in &mut lost {
        run.stream = None;
    }
    pair.one.server.kill9().await;
    let killed = Instant::now();
    // As if clients had seen more than was stored.
    let ends = lost.iter().map(|run| run.follow(&pair.there, 1_000));
    for rest in join_all(ends).await {
        assert_ends_once(&rest, "run.failed");
        assert_eq!(rest[rest.len() - 1].data["error"]["code"], "interrupted");
    }
    assert!(killed.elapsed() <= INTERRUPTION, "{:?}", killed.elapsed());
    for run in &lost {
        run.assert_interrupted(&pair.there).await;
        let said = pair.there.say(&run.thread, &pair.one.assistant, "short");
        assert_eq!(said.await.expect(201)["output"], "short");
    }
    pair.assert_complete(kept, &gate).await;
}

async fn a_restarted_instance_ends_its_own_runs_and_no_others() {
    let gate = Gate::new();
    let (mut pair, mut lost, kept) = Pair::at_work(&gate).await;
    for run in &mut lost {
        run.stream = None;
    }
    pair.one.server.kill9().await;
    pair.one.restart().await;
    for run in &lost {
        run.assert_interrupted(&pair.there).await;
        let all = run.follow(&pair.one.user, 0).await;
        assert_ends_once(&all, "run.failed");
    }
    pair.assert_complete(kept, &gate).await;
}

async fn a_run_is_followed_on_the_other_instance() {
    let gate = Gate::new();
    let begun = ["zero ", "one ", "two "].into_iter();
    let reply = begun.fold(Reply::events(), Reply::text).wait(&gate);
    let pieces: Vec<String> = (3..40).map(|number| format!("{number} ")).collect();
    let reply = pieces.iter().fold(reply, |reply, piece| reply.text(piece));
    let pair = Pair::with(reply.finish("stop").done()).await;
    let scene = &pair.one;
    let mut here = scene.stream("Count").await;
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(here.next().await.unwrap());
    }
    let run = run_of(&all[0]);
    let whole = scene.follow(&pair.there, &run, 0).await;
    let resumed = scene.follow(&pair.there, &run, all[2].number).await;
    let followed = tokio::spawn(async move { join(whole.rest(), resumed.rest()).await });
    gate.open();
    all.extend(here.rest().await);
    assert_ends_once(&all, "run.completed");
    assert_eq!(said(&all), format!("zero one two {}", pieces.concat()));
    let (whole, resumed) = followed.await.unwrap();
    assert_eq!(whole, all);
    assert_eq!(resumed, all[3..]);
    for after in 0..=all.last().unwrap().number {
        let rest = scene.follow(&pair.there, &run, after).await;
        let begin = all.partition_point(|event| event.number <= after);
        assert_eq!(rest.rest().await, all[begin..], "after {after}");
    }
}

async fn a_run_is_cancelled_through_the_other_instance() {
    let pair = Pair::with(endless()).await;
    let run = UnderWay::ask(&pair.one.user, &pair.one.assistant, "endless");
    let mut run = run.await;
    let stream = tokio::spawn(run.stream.take().unwrap().rest());
    // Some of it is stored.
    let mut seen_there = run.events(&pair.there, 1).await;
    assert_eq!(seen_there.next().await.unwrap().kind, "message.delta");
    let cancel = format!("{}/cancel", run.path);
    let cancel = || pair.there.request(Method::POST, &cancel).send();
    let ended = cancel().await.expect(200);
    assert_eq!(ended["status"], "cancelled");
    // A reader who has seen more than was stored still gets the end.
    pair.one.models.abandoned(1).await;
    let rest = stream.await.unwrap();
    assert_ends_once(&rest, "run.cancelled");
    assert_eq!(rest[rest.len() - 1].data["run"], ended);
    assert_ends_once(&seen_there.rest().await, "run.cancelled");
    for seen in &rest[..rest.len() - 1] {
        let resumed = run.follow(&pair.there, seen.number).await;
        assert_ends_once(&resumed, "run.cancelled");
    }
    let messages = format!("/threads/{}/messages", run.thread);
    let stored = pair.there.get(&messages).await.expect(200);
    assert_eq!(stored.as_array().unwrap().len(), 2);
    assert_eq!(stored[1]["status"], "incomplete");
    assert_eq!(pair.one.user.get(&messages).await.expect(200), stored);
    assert_eq!(cancel().await.expect(200), ended, "nothing came after it");
    assert_eq!(run.read(&pair.one.user).await, ended);
}

async fn equal_posts_to_both_instances_are_one() {
    let gate = Gate::new();
    let pair = Pair::with(vec![Reply::answer("once").held(&gate)]).await;
    let scene = &pair.one;
    let posts = (0..20).map(|number| {
        let clients = [&scene.user, &pair.there];
        let post = scene.post(clients[number % 2], &scene.thread, "Hi", "k");
        post.send()
    });
    let opened = async {
        scene.models.received(1).await;
        gate.open();
    };
    let (answers, ()) = join(join_all(posts), opened).await;
    let replayed = |it: &&Response| it.header("idempotent-replayed") == Some("true");
    assert_eq!(answers.iter().filter(replayed).count(), 19);
    let bodies: Vec<Value> = answers.into_iter().map(|it| it.expect(201)).collect();
    assert_eq!(bodies[0]["output"], "once");
    for body in &bodies {
        assert_eq!(body, &bodies[0]);
    }
    assert_eq!(scene.models.requests().len(), 1);
    assert_eq!(scene.messages().await.len(), 2);
}

async fn a_thread_is_busy_on_both_instances() {
    let gate = Gate::new();
    let replies = vec![Reply::answer("first").held(&gate), Reply::answer("second")];
    let pair = Pair::with(replies).await;
    let scene = &pair.one;
    let (user, thread, assistant) = (&scene.user, &scene.thread, &scene.assistant);
    let refused = async {
        scene.models.received(1).await;
        for client in [&pair.there, user] {
            let said = client.say(thread, assistant, "Too soon").await;
            said.problem(409, "thread_busy");
        }
        gate.open();
    };
    let (first, ()) = join(user.say(thread, assistant, "Hi"), refused).await;
    assert_eq!(first.expect(201)["output"], "first");
    let second = pair.there.say(thread, assistant, "Now").await;
    assert_eq!(second.expect(201)["output"], "second");
    assert_eq!(scene.messages().await.len(), 4);
}

/// A stream from the other instance of a run on the first.
async fn watched(pair: &Pair, watcher: &Client) -> EventStream {
    let mut here = pair.one.stream("Hi").await;
    let run = run_of(&here.next().await.unwrap());
    let mut there = pair.one.follow(watcher, &run, 0).await;
    for _ in 0..2 {
        there.next().await.unwrap();
    }
    there
}

async fn assert_closed(stream: EventStream, since: Instant) {
    assert_eq!(stream.rest().await, []);
    assert!(since.elapsed() <= REVOCATION_LAG + Duration::from_secs(1));
}

async fn a_revoked_token_counts_on_neither_instance() {
    let pair = Pair::with(Reply::events().text("so far").hang()).await;
    let user = &pair.one.user;
    let key = user.post("/users/me/tokens", json!({"name": "ci"})).await;
    let key = key.expect(201);
    let program = pair.other.guest().with_token(text(&key["token"]));
    let stream = watched(&pair, &program).await;
    program.get("/users/me").await.expect(200);
    let path = format!("/users/me/tokens/{}", text(&key["id"]));
    user.delete(&path).await.expect(204);
    let revoked = Instant::now();
    let refused = answer_soon(&program, "/users/me", 401).await;
    refused.problem(401, "authentication_required");
    assert_closed(stream, revoked).await;
    pair.there.get("/users/me").await.expect(200);
}

async fn a_disabled_user_counts_on_neither_instance() {
    let pair = Pair::with(Reply::events().text("so far").hang()).await;
    let stream = watched(&pair, &pair.there).await;
    pair.one.disable_user().await;
    let disabled = Instant::now();
    let refused = answer_soon(&pair.there, "/users/me", 401).await;
    refused.problem(401, "authentication_required");
    // A disabled user's run ends too, perhaps before the stream closes.
    for event in stream.rest().await {
        let is_end = ["message.completed", "run.failed"].contains(&event.kind.as_str());
        assert!(is_end, "{event:?}");
    }
    assert!(disabled.elapsed() <= REVOCATION_LAG + Duration::from_secs(1));
    let log_in = pair.other.guest().log_in("ada@example.org", "wrong").await;
    log_in.problem(401, "invalid_credentials");
}

async fn a_paused_run_goes_on_on_the_other_instance() {
    let mut pair = Pair::with(function_then_answer()).await;
    pair.one.change(functions()).await;
    let asked = pair.one.ask("How warm is it?").await;
    let run = &asked["run"];
    let id = text(&run["id"]);
    // Followed where it paused, while the other instance goes on.
    let paused = pair.one.follow(&pair.one.user, id, 0).await.rest().await;
    let last = paused.last().unwrap().number;
    let waiting = pair.one.follow(&pair.one.user, id, last).await;
    let path = pair.one.path(&format!("/runs/{id}/outputs"));
    let post = pair.there.request(Method::POST, &path);
    let resumed = post.json(&outputs(run, "21 °C")).events().await;
    let rest = resumed.rest().await;
    assert_eq!(said(&rest), "It is warm.");
    assert_eq!(waiting.rest().await, rest);
    // Answered by the other instance once the first is gone.
    let ask = async || {
        let thread = pair.one.user.create_thread().await;
        let asked = pair.one.user.say(&thread, &pair.one.assistant, "And now?");
        asked.await.expect(201)["run"].clone()
    };
    let paused = join_all((0..100).map(|_| ask())).await;
    pair.one.server.kill9().await;
    let answers = paused.iter().map(async |run| {
        let (thread, id) = (text(&run["thread_id"]), text(&run["id"]));
        let path = format!("/threads/{thread}/runs/{id}/outputs");
        pair.there.post(&path, outputs(run, "22 °C")).await
    });
    for answered in join_all(answers).await {
        assert_eq!(answered.expect(201)["output"], "It is warm.");
    }
}
