//! Following and cancelling runs.

use axum::http::{Method, StatusCode};
use colloquy_application::ports::ModelErrorKind;
use colloquy_application::testing::fakes::{Gate, Script};
use colloquy_domain::FinishReason;
use serde_json::{Value, json};

use crate::conversation::Conversation;
use crate::sse::{Event, names, said};

pub(crate) const WHOLE: [&str; 6] = [
    "run.started",
    "message.delta",
    "message.delta",
    "round.ended",
    "message.completed",
    "run.completed",
];

fn hello() -> Script {
    Script::new()
        .text("Hello ")
        .text("Ada")
        .end(FinishReason::Stop)
}

/// Sends text, then waits for the gate.
pub(crate) fn gated(gate: &Gate) -> Script {
    Script::new()
        .text("Hello ")
        .wait(gate)
        .text("Ada")
        .end(FinishReason::Stop)
}

pub(crate) async fn run(c: &Conversation, run: &str) -> Value {
    let call = c.api.get(&c.run_path(run)).by(&c.user);
    call.send().await.ok(200)
}

#[tokio::test]
async fn the_events_of_a_run_are_sent_as_they_happen() {
    let c = Conversation::new().await;
    let gate = Gate::new();
    let mut stream = c.stream(gated(&gate)).await;
    assert_eq!(stream.headers["cache-control"], "no-store");
    assert_eq!(stream.headers["x-accel-buffering"], "no");
    assert_eq!(stream.headers["x-content-type-options"], "nosniff");
    let mut events = stream.take(2).await;
    let started = &events[0].data;
    assert_eq!(started["run"]["status"], "in_progress");
    let id = started["run"]["id"].as_str().unwrap().to_owned();
    assert_eq!(&run(&c, &id).await, &started["run"]);
    gate.open();
    events.extend(stream.rest().await);

    let run = run(&c, &id).await;
    assert_eq!(run["status"], "completed");
    let messages = c.listed().await;
    let delta = |text: &str| json!({"message_id": messages[1]["id"], "text": text});
    let data = [
        json!({
            "run": started_run(&run),
            "message": messages[0],
            "messages": [messages[0]],
        }),
        delta("Hello "),
        delta("Ada"),
        json!({"round": 1, "usage": null}),
        json!({"message": messages[1]}),
        json!({"run": run, "output": "Hello Ada"}),
    ];
    // Behind the first lies the beginning of the model call.
    let ids = ["1", "3", "4", "5", "6", "7"];
    let expected = ids
        .iter()
        .zip(WHOLE)
        .zip(data)
        .map(|((id, name), data)| Event {
            id: (*id).to_owned(),
            name: name.to_owned(),
            data,
        });
    assert_eq!(events, expected.collect::<Vec<_>>());
}

/// The run as it was at the start.
fn started_run(ended: &Value) -> Value {
    let mut run = ended.clone();
    run["status"] = json!("in_progress");
    run["finish_reason"].take();
    run["finished_at"].take();
    run
}

#[tokio::test]
async fn a_stream_goes_on_behind_any_event() {
    let c = Conversation::new().await;
    let all = c.stream(hello()).await.rest().await;
    assert_eq!(names(&all), WHOLE);
    let id = all[0].data["run"]["id"].as_str().unwrap();
    let path = c.events_path(id);
    let number = |event: &Event| event.id.parse::<u64>().unwrap();
    let last = number(all.last().unwrap());
    // Also behind numbers whose events clients are not told of.
    for after in 0..=last {
        let begin = all.partition_point(|event| number(event) <= after);
        let number = after.to_string();
        let by_header = c.api.get(&path).header("last-event-id", &number);
        let by_query = c.api.get(&format!("{path}?after={after}"));
        // On reconnect, browsers send the newer value in the header.
        let by_both = c.api.get(&format!("{path}?after=1"));
        let by_both = by_both.header("last-event-id", &number);
        for call in [by_header, by_query, by_both] {
            let rest = call.by(&c.user).open().await.rest().await;
            assert_eq!(rest, all[begin..]);
        }
    }
    let beyond = (last + 1).to_string();
    for beyond in [
        beyond.as_str(),
        "18446744073709551615",
        "99999999999999999999",
    ] {
        let call = c.api.get(&path).header("last-event-id", beyond);
        assert_eq!(call.by(&c.user).open().await.rest().await, []);
    }
}

#[tokio::test]
async fn a_stream_can_be_taken_up_while_the_run_goes_on() {
    let c = Conversation::new().await;
    let gate = Gate::new();
    let mut first = c.stream(gated(&gate)).await;
    let seen = first.take(2).await;
    drop(first);
    let id = seen[0].data["run"]["id"].as_str().unwrap();
    let call = c
        .api
        .get(&c.events_path(id))
        .header("last-event-id", &seen[1].id);
    let second = call.by(&c.user).open().await;
    gate.open();
    assert_eq!(names(&second.rest().await), WHOLE[2..]);
}

#[tokio::test]
async fn what_is_no_event_number_is_refused() {
    let c = Conversation::new().await;
    let id = c.start(hello()).await;
    let path = c.events_path(&id);
    for id in ["", "x", "-1", "+1", "1.0", "0x1", "1 2"] {
        let call = c.api.get(&path).by(&c.user).header("last-event-id", id);
        call.send().await.problem(400, "malformed_request");
    }
    let twice = c.api.get(&path).by(&c.user);
    let twice = twice
        .header("last-event-id", "1")
        .header("last-event-id", "2");
    twice.send().await.problem(400, "malformed_request");
    for (after, field) in [("x", "after wrong_type"), ("-1", "after out_of_range")] {
        let call = c.api.get(&format!("{path}?after={after}")).by(&c.user);
        assert_eq!(call.send().await.invalid_fields(), [field]);
    }
}

#[tokio::test]
async fn whatever_the_model_says_arrives_as_it_is_stored() {
    let c = Conversation::new().await;
    let long = "long ".repeat(20_000);
    let tokens = [
        "one\ntwo\r\nthree\rfour",
        "\n\ndata: x\n\n",
        "\nevent: run.completed\nid: 99\ndata: {}\n\n",
        ": comment\n",
        "\u{2028}\u{2029}\u{85}\u{feff}\u{b}\u{c}\u{1b}[2J",
        "\\n \\u000a \"quoted\" </script>",
        " leading and trailing ",
        "\u{1f600}",
        &long,
    ];
    let script = tokens.iter().fold(Script::new(), |s, text| s.text(text));
    let events = c.stream(script.end(FinishReason::Stop)).await.rest().await;
    let ids = events.iter().map(|event| event.id.parse::<u64>().unwrap());
    assert!(ids.is_sorted_by(|one, next| one < next));
    let stored = c.listed().await[1]["content"].clone();
    assert_eq!(stored, tokens.concat());
    assert_eq!(said(&events), tokens.concat());
    let last = events.last().unwrap();
    assert_eq!(
        (last.name.as_str(), &last.data["output"]),
        ("run.completed", &stored)
    );
    let id = last.data["run"]["id"].as_str().unwrap();
    assert_eq!(c.events(id).await, events);
}

#[tokio::test]
async fn a_failed_run_ends_its_stream_with_the_reason() {
    let c = Conversation::new().await;
    let script = Script::new().text("so far").fail(ModelErrorKind::Refused);
    let events = c.stream(script).await.rest().await;
    let names = names(&events);
    assert_eq!(
        names,
        [
            "run.started",
            "message.delta",
            "message.completed",
            "run.failed"
        ]
    );
    assert_eq!(events[2].data["message"]["status"], "incomplete");
    let end = &events[3].data;
    assert_eq!(end["run"]["status"], "failed");
    assert_eq!(end["error"], end["run"]["error"]);
    assert_eq!(end["error"]["code"], "model_error");
}

#[tokio::test]
async fn who_prefers_not_to_wait_is_told_where_to_look() {
    let c = Conversation::new().await;
    c.api.model.add(hello());
    let answer = c.hello().header("prefer", "respond-async").send().await;
    let run = answer.ok(202)["run"].clone();
    assert_eq!(run["status"], "in_progress");
    let id = run["id"].as_str().unwrap();
    let location = format!("/api/v1{}", c.run_path(id));
    assert_eq!(answer.header("location"), Some(location.as_str()));
    assert_eq!(answer.header("preference-applied"), Some("respond-async"));
    assert_eq!(answer.header("idempotent-replayed"), None);
    assert_eq!(names(&c.events(id).await), WHOLE);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_cancelled_by_the_threads_owner_and_by_administrators() {
    let c = Conversation::new().await;
    for caller in [&c.user, &c.admin] {
        let script = Script::new().text("so far").hang();
        let mut stream = c.stream(script).await;
        let started = stream.take(2).await[0].data["run"].clone();
        let id = started["id"].as_str().unwrap();
        let cancel = || {
            c.api
                .post(&format!("{}/cancel", c.run_path(id)))
                .by(caller)
                .send()
        };
        let ended = cancel().await.ok(200);
        assert_eq!(ended["status"], "cancelled");
        assert_eq!(ended["error"]["code"], "run_cancelled");
        let rest = stream.rest().await;
        assert_eq!(names(&rest), ["message.completed", "run.cancelled"]);
        assert_eq!(rest[0].data["message"]["content"], "so far");
        assert_eq!(rest[1].data, json!({"run": ended}));
        assert_eq!(cancel().await.ok(200), ended, "once more changes nothing");
    }
}

#[tokio::test]
async fn cancelling_ends_the_wait_for_the_answer_with_a_problem() {
    let c = Conversation::new().await;
    let cancel = async {
        c.api.model.asked(1).await;
        let runs = format!("/threads/{}/runs", c.thread);
        let runs = c.api.get(&runs).by(&c.user).send().await.ok(200);
        let id = runs[0]["id"].as_str().unwrap();
        let path = format!("{}/cancel", c.run_path(id));
        c.api.post(&path).by(&c.user).send().await.ok(200)
    };
    let (answer, run) = tokio::join!(c.post(Script::new().hang()), cancel);
    let problem = answer.problem(409, "run_cancelled");
    assert_eq!(problem["run_id"], run["id"]);
}

#[tokio::test]
async fn others_cannot_tell_a_run_from_a_missing_one() {
    let c = Conversation::new().await;
    let id = c.start(hello()).await;
    c.events(&id).await;
    let stranger = c.api.user("eve@example.org").await;
    let missing = "01890000-0000-7000-8000-000000000000";
    let foreign = [
        c.run_path(&id),
        c.run_path(missing),
        format!("/threads/{missing}/runs/{id}"),
    ];
    for (method, action) in [(Method::GET, "events"), (Method::POST, "cancel")] {
        let mut answers = Vec::new();
        for path in &foreign {
            let call = c.api.call(method.clone(), &format!("{path}/{action}"));
            let answer = call.by(&stranger).send().await;
            answer.problem(404, "entity_not_found");
            answers.push(answer.without_request_id());
        }
        assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
        let path = format!("{}/{action}", c.run_path(missing));
        let own = c.api.call(method.clone(), &path).by(&c.user).send().await;
        own.problem(404, "entity_not_found");
        let path = format!("{}/{action}", c.run_path(&id));
        let guest = c.api.call(method.clone(), &path).send().await;
        guest.problem(401, "authentication_required");
        let admin = c.api.call(method, &path).by(&c.admin).send().await;
        assert_eq!(admin.status, StatusCode::OK);
    }
}
