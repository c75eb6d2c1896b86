//! Runs that pause for the client and go on.

use colloquy_tests::client::{Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::events::Event;
use colloquy_tests::model_server::{Gate, ModelServer, Reply, Request, Script};
use colloquy_tests::on_both_backends;
use hyper::Method;
use serde_json::{Value, json};

use crate::scene::{Scene, kinds, run_of, said};
use crate::{SCRIPTED, answer_soon, seen_soon, with_models};

on_both_backends![
    a_run_pauses_for_a_function_and_goes_on_with_its_output,
    streams_end_at_a_pause_and_begin_behind_it,
    a_run_goes_on_without_a_listener,
    tools_and_functions_of_one_round_are_all_answered,
    a_pause_outlives_the_process,
    a_run_that_is_lost_behind_its_pause_is_interrupted,
    a_pause_that_nobody_ends_expires,
    a_paused_run_keeps_its_thread_until_it_is_cancelled,
    a_run_goes_on_with_the_assistant_that_it_began_with,
    a_run_whose_thread_or_assistant_is_gone_does_not_go_on,
    a_disabled_user_submits_nothing,
];

pub(crate) const ARGUMENTS: &str = r#"{"city": "Bern"}"#;
pub(crate) const SUM: &str = r#"{"expression": "6 * 7"}"#;

/// The assistant's functions.
pub(crate) fn functions() -> Value {
    json!({"functions": [{
        "name": "temperature",
        "description": "The temperature in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }]})
}

/// Calls the function, and answers once it has its output.
pub(crate) fn function_then_answer() -> Script {
    Script::new(|request| match last_role(request).as_str() {
        "tool" => Reply::stream(&["It is ", "warm."]),
        _ => Reply::calls(&[("0", "temperature", ARGUMENTS)]),
    })
}

fn last_role(request: &Request) -> String {
    let messages = request.body["messages"].as_array().unwrap();
    text(&messages[messages.len() - 1]["role"]).to_owned()
}

/// An output of every call that the run waits for.
pub(crate) fn outputs(run: &Value, content: &str) -> Value {
    let calls = run["required_action"]["calls"].as_array().unwrap();
    let outputs = calls
        .iter()
        .map(|call| json!({"tool_call_id": call["tool_call_id"], "content": content}));
    json!({"outputs": outputs.collect::<Vec<_>>()})
}

impl Scene {
    /// With an assistant that has a function.
    pub(crate) async fn with_functions(backend: Backend, script: impl Into<Script>) -> Self {
        let scene = Self::with(backend, script).await;
        scene.change(functions()).await;
        scene
    }

    pub(crate) fn run_path(&self, run: &Value, rest: &str) -> String {
        self.path(&format!("/runs/{}{rest}", text(&run["id"])))
    }

    /// Posts and returns the paused run.
    pub(crate) async fn paused(&self) -> Value {
        let said = self.ask("How warm is it?").await;
        assert_eq!(said["output"], Value::Null);
        assert_eq!(said["run"]["status"], "requires_action");
        said["run"].clone()
    }

    pub(crate) async fn submit(&self, run: &Value, body: Value) -> Response {
        self.user.post(&self.run_path(run, "/outputs"), body).await
    }

    pub(crate) async fn read(&self, run: &Value) -> Value {
        self.user.get(&self.run_path(run, "")).await.expect(200)
    }

    /// The contents of the tool messages in the model's last request.
    pub(crate) fn told(&self) -> Vec<String> {
        let body = self.models.requests().pop().unwrap().body;
        let messages = body["messages"].as_array().unwrap().iter();
        let results = messages.filter(|message| message["role"] == "tool");
        results.map(|it| text(&it["content"]).to_owned()).collect()
    }
}

async fn a_run_pauses_for_a_function_and_goes_on_with_its_output(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    let run = scene.paused().await;
    let action = &run["required_action"];
    assert_eq!(action["type"], "submit_tool_outputs");
    assert!(action["expires_at"].is_string());
    let call = &action["calls"][0];
    assert_eq!(
        (&call["name"], &call["arguments"]),
        (&json!("temperature"), &json!(ARGUMENTS))
    );
    assert_eq!(scene.read(&run).await, run);
    let tools = &scene.models.requests()[0].body["tools"];
    assert_eq!(tools[0]["function"]["name"], "temperature");
    assert_eq!(tools[0]["function"]["strict"], Value::Null);

    let answered = scene.submit(&run, outputs(&run, "21 °C")).await;
    assert!(
        answered
            .header("location")
            .unwrap()
            .ends_with(text(&run["id"]))
    );
    let answered = answered.expect(201);
    assert_eq!(answered["output"], "It is warm.");
    assert_eq!(answered["run"]["status"], "completed");
    assert_eq!(answered["run"]["required_action"], Value::Null);
    assert_eq!(
        answered["run"]["usage"]["input_tokens"], 14,
        "of both parts"
    );
    assert_eq!(answered["messages"][0]["content"], "How warm is it?");
    assert_eq!(scene.told(), ["21 °C"]);
    let messages = scene.user.get(&scene.path("/messages?include=tools")).await;
    let messages = messages.expect(200);
    let types: Vec<_> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|it| text(&it["type"]))
        .collect();
    assert_eq!(types, ["human", "tool", "ai"]);
    assert_eq!(messages[1]["tool_call"]["id"], call["tool_call_id"]);
}

async fn streams_end_at_a_pause_and_begin_behind_it(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    let events = scene.stream("How warm is it?").await.rest().await;
    assert_eq!(
        kinds(&events),
        ["run.started", "tools.requested", "run.requires_action"]
    );
    let run = run_of(&events[0]);
    let [requested, paused] = [&events[1], events.last().unwrap()];
    assert_eq!(
        (&requested.data["round"], &requested.data["message_id"]),
        (&json!(1), &Value::Null)
    );
    let call = &requested.data["calls"][0];
    assert_eq!(
        (&call["name"], &call["by"]),
        (&json!("temperature"), &json!("client"))
    );
    assert_eq!(
        paused.data["run"]["required_action"],
        paused.data["required_action"]
    );
    let ended = |event: &&Event| event.kind == "round.ended";
    let round = events.iter().find(ended).unwrap();
    assert_eq!(
        round.data,
        json!({"round": 1, "usage": {"input_tokens": 7, "output_tokens": 1}})
    );

    // Whoever reads on from the pause waits for what comes.
    let number = paused.number;
    let waiting = scene.follow(&scene.user, &run, number).await;
    let post = scene
        .user
        .request(Method::POST, &scene.path(&format!("/runs/{run}/outputs")));
    let resumed = post
        .json(&outputs(&paused.data["run"], "21 °C"))
        .events()
        .await;
    let rest = resumed.rest().await;
    assert_eq!(
        kinds(&rest),
        [
            "tool.returned",
            "run.resumed",
            "message.completed",
            "run.completed"
        ]
    );
    assert_eq!(rest[0].data["content"], "21 °C");
    assert_eq!(rest[1].data["part"], json!({"index": 2}));
    assert_eq!(rest[1].data["run"]["status"], "in_progress");
    assert_eq!(said(&rest), "It is warm.");
    assert_eq!(waiting.rest().await, rest);
    // Told again, it is the same, each part by itself.
    assert_eq!(
        scene.follow(&scene.user, &run, 0).await.rest().await,
        events
    );
    assert_eq!(
        scene.follow(&scene.user, &run, number).await.rest().await,
        rest
    );
}

async fn a_run_goes_on_without_a_listener(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    let post = scene.user.request(Method::POST, &scene.path("/messages"));
    let accepted = post
        .json(&scene.body("How warm?"))
        .header("prefer", "respond-async");
    let accepted = accepted.send().await.expect(202);
    let path = scene.run_path(&accepted["run"], "");
    let is_paused = |it: &Response| it.json()["status"] == "requires_action";
    let run = seen_soon(&scene.user, &path, is_paused).await.json();
    let post = scene
        .user
        .request(Method::POST, &scene.run_path(&run, "/outputs"));
    let resumed = post
        .json(&outputs(&run, "21 °C"))
        .header("prefer", "respond-async");
    let resumed = resumed.send().await;
    assert_eq!(resumed.header("preference-applied"), Some("respond-async"));
    assert_eq!(resumed.expect(202)["run"]["status"], "in_progress");
    let is_complete = |it: &Response| it.json()["status"] == "completed";
    seen_soon(&scene.user, &path, is_complete).await;
}

async fn tools_and_functions_of_one_round_are_all_answered(backend: Backend) {
    let replies = [
        Reply::calls(&[("a", "calculator", SUM), ("b", "temperature", ARGUMENTS)]),
        Reply::calls(&[("a", "temperature", ARGUMENTS)]),
        Reply::answer("Done."),
    ];
    let scene = Scene::with_functions(backend, replies).await;
    scene.change(json!({"tools": ["calculator"]})).await;
    let run = scene.paused().await;
    assert_eq!(run["required_action"]["calls"].as_array().unwrap().len(), 1);
    let path = scene.path("/messages?include=tools");
    let messages = scene.user.get(&path).await.expect(200);
    assert_eq!(messages[1]["content"], "42");
    let again = scene.submit(&run, outputs(&run, "cold")).await.expect(201);
    assert_eq!(scene.told(), ["42", "cold"]);
    let again = &again["run"];
    assert_eq!(again["status"], "requires_action");
    let answered = scene
        .submit(again, outputs(again, "warm"))
        .await
        .expect(201);
    assert_eq!(answered["output"], "Done.");
    assert_eq!(scene.told(), ["42", "cold", "warm"]);
}

async fn a_run_that_is_lost_behind_its_pause_is_interrupted(backend: Backend) {
    let gate = Gate::new();
    let held = gate.clone();
    let script = Script::new(move |request| match last_role(request).as_str() {
        "tool" => Reply::events()
            .text("It is ")
            .wait(&held)
            .finish("stop")
            .done(),
        _ => Reply::calls(&[("0", "temperature", ARGUMENTS)]),
    });
    let mut scene = Scene::with_functions(backend, script).await;
    let run = scene.paused().await;
    let post = scene
        .user
        .request(Method::POST, &scene.run_path(&run, "/outputs"));
    let mut stream = post.json(&outputs(&run, "21 °C")).events().await;
    while stream.next().await.unwrap().kind != "message.delta" {}
    drop(stream);
    scene.server.kill9().await;
    scene.restart().await;
    let ended = scene.read(&run).await;
    assert_eq!(
        (&ended["status"], &ended["error"]["code"]),
        (&json!("failed"), &json!("interrupted"))
    );
    let path = scene.path("/messages?include=tools");
    let messages = scene.user.get(&path).await.expect(200);
    assert_eq!(
        messages[1]["content"], "21 °C",
        "what was submitted is kept"
    );
    // The thread is free.
    scene.paused().await;
}

async fn a_pause_outlives_the_process(backend: Backend) {
    let mut scene = Scene::with_functions(backend, function_then_answer()).await;
    let run = scene.paused().await;
    let before = scene
        .follow(&scene.user, text(&run["id"]), 0)
        .await
        .rest()
        .await;
    scene.server.kill9().await;
    scene.restart().await;
    assert_eq!(scene.read(&run).await, run);
    let told = scene
        .follow(&scene.user, text(&run["id"]), 0)
        .await
        .rest()
        .await;
    assert_eq!(told, before);
    let answered = scene.submit(&run, outputs(&run, "21 °C")).await.expect(201);
    assert_eq!(answered["output"], "It is warm.");
    let last = before.last().unwrap().number;
    let rest = scene
        .follow(&scene.user, text(&run["id"]), last)
        .await
        .rest()
        .await;
    assert!(rest.iter().all(|event| event.number > last));
    assert_eq!(said(&rest), "It is warm.");
}

async fn a_pause_that_nobody_ends_expires(backend: Backend) {
    let models = ModelServer::start(function_then_answer()).await;
    let installation = with_models(backend, &models).await;
    let installation = installation.env("COLLOQUY_RUN__ACTION_TIMEOUT", "1s");
    let server = installation.serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let admin = server.admin().await;
    let path = format!("/assistants/{assistant}");
    admin.patch(&path, functions()).await.expect(200);
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let scene = Scene {
        server,
        models,
        user,
        assistant,
        thread,
    };
    let post = scene.post(&scene.user, &scene.thread, "How warm?", "key");
    let run = post.send().await.expect(201)["run"].clone();
    let number = scene
        .follow(&scene.user, text(&run["id"]), 0)
        .await
        .rest()
        .await;
    let number = number.last().unwrap().number;
    let waiting = scene.follow(&scene.user, text(&run["id"]), number).await;
    let rest = waiting.rest().await;
    assert_eq!(kinds(&rest), ["run.expired"]);
    let expired = scene.read(&run).await;
    assert_eq!(rest[0].data["run"], expired);
    assert_eq!(expired["status"], "expired");
    assert_eq!(
        (&expired["error"], &expired["required_action"]),
        (&Value::Null, &Value::Null)
    );
    let late = scene.submit(&run, outputs(&run, "21 °C")).await;
    late.problem(409, "run_not_paused");
    // Whoever asks for its answer is told, too.
    let again = scene.post(&scene.user, &scene.thread, "How warm?", "key");
    let again = again.send().await.problem(409, "run_expired");
    assert_eq!(again["run_id"], run["id"]);
    scene.paused().await;
}

async fn a_paused_run_keeps_its_thread_until_it_is_cancelled(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    let run = scene.paused().await;
    let told = scene.follow(&scene.user, text(&run["id"]), 0).await;
    let last = told.rest().await.last().unwrap().number;
    let busy = scene
        .user
        .say(&scene.thread, &scene.assistant, "And now?")
        .await;
    let busy = busy.problem(409, "thread_busy");
    assert_eq!(
        (&busy["run_id"], &busy["thread_id"]),
        (&run["id"], &json!(scene.thread))
    );
    let path = scene.run_path(&run, "/cancel");
    let cancelled = scene.user.post(&path, json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert_eq!(cancelled["required_action"], Value::Null);
    let late = scene.submit(&run, outputs(&run, "21 °C")).await;
    late.problem(409, "run_not_paused");
    let after = scene.follow(&scene.user, text(&run["id"]), last).await;
    assert_eq!(kinds(&after.rest().await), ["run.cancelled"]);
    scene.paused().await;
}

async fn a_run_goes_on_with_the_assistant_that_it_began_with(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    scene.change(json!({"instructions": "Be brief."})).await;
    let run = scene.paused().await;
    let edit = json!({"instructions": "Be long.", "functions": [], "tools": ["calculator"]});
    scene.change(edit).await;
    let submitted = scene.submit(&run, outputs(&run, "21 °C")).await;
    submitted.expect(201);
    let requests = scene.models.requests();
    for member in ["tools", "model"] {
        assert_eq!(requests[1].body[member], requests[0].body[member]);
    }
    assert_eq!(requests[1].body["messages"][0]["content"], "Be brief.");
    scene.ask("And now?").await;
    let body = scene.models.requests().pop().unwrap().body;
    assert_eq!(body["tools"][0]["function"]["name"], "calculator");
}

async fn a_run_whose_thread_or_assistant_is_gone_does_not_go_on(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    let admin = scene.server.admin().await;
    let assistant = format!("/assistants/{}", scene.assistant);
    let run = scene.paused().await;
    scene.change(json!({"is_enabled": false})).await;
    let hidden = scene.submit(&run, outputs(&run, "21 °C")).await;
    hidden.problem(404, "entity_not_found");
    scene.change(json!({"is_enabled": true})).await;
    admin.delete(&assistant).await.expect(204);
    let gone = scene.submit(&run, outputs(&run, "21 °C")).await;
    assert_eq!(
        gone.problem(404, "entity_not_found")["errors"][0]["field"],
        "assistant_id"
    );
    assert_eq!(scene.read(&run).await, run);
    let path = scene.path("");
    scene.user.delete(&path).await.expect(204);
    let gone = scene.submit(&run, outputs(&run, "21 °C")).await;
    gone.problem(404, "entity_not_found");
    assert_eq!(scene.models.requests().len(), 1);
}

async fn a_disabled_user_submits_nothing(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    let run = scene.paused().await;
    let admin = scene.server.admin().await;
    let path = scene.run_path(&run, "/outputs");
    // Nobody else does either.
    let stranger = scene.server.user("eve").await;
    let foreign = stranger.post(&path, outputs(&run, "x")).await;
    foreign.problem(404, "entity_not_found");
    let refused = admin.post(&path, outputs(&run, "x")).await;
    refused.problem(403, "forbidden");
    scene.disable_user().await;
    answer_soon(&scene.user, "/users/me", 401).await;
    let late = scene.submit(&run, outputs(&run, "21 °C")).await;
    late.problem(401, "authentication_required");
    let cancel = scene.run_path(&run, "/cancel");
    let cancelled = admin.post(&cancel, json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
}
