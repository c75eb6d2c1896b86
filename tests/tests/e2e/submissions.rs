//! What is submitted to paused runs, and what assistants list for it.

use colloquy_tests::client::text;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::Reply;
use colloquy_tests::on_both_backends;
use futures_util::future::{join, join_all};
use hyper::Method;
use serde_json::{Value, json};

use crate::ABSENT;
use crate::pauses::{ARGUMENTS, SUM, function_then_answer, functions, outputs};
use crate::scene::{Scene, kinds};

on_both_backends![
    outputs_that_do_not_fit_change_nothing,
    of_two_submissions_one_is_taken,
    a_submission_and_a_cancellation_agree,
    guarded_calls_wait_for_an_approval,
    functions_are_checked,
];

async fn outputs_that_do_not_fit_change_nothing(backend: Backend) {
    let calls = [("0", "temperature", ARGUMENTS), ("0", "temperature", "{}")];
    let replies = [Reply::calls(&calls), Reply::answer("Done.")];
    let scene = Scene::with_functions(backend, replies).await;
    let run = scene.paused().await;
    let whole = outputs(&run, "21 °C");
    let [one, two] = [&whole["outputs"][0], &whole["outputs"][1]];
    let unknown = json!({"tool_call_id": "0", "content": "x"});
    let long = json!({"tool_call_id": one["tool_call_id"], "content": "x".repeat(262_145)});
    let halves = outputs(&run, &"x".repeat(131_073));
    for (body, fields) in [
        (json!({}), vec!["outputs"]),
        (json!({"outputs": []}), vec!["outputs", "outputs"]),
        (json!({"outputs": [one]}), vec!["outputs"]),
        (
            json!({"outputs": [one, one]}),
            vec!["outputs[1].tool_call_id", "outputs"],
        ),
        (
            json!({"outputs": [one, two, unknown]}),
            vec!["outputs[2].tool_call_id"],
        ),
        (json!({"outputs": [one, two], "more": 1}), vec!["more"]),
        (json!({"outputs": [long, two]}), vec!["outputs[0].content"]),
        (halves, vec!["outputs"]),
    ] {
        let refused = scene.submit(&run, body).await;
        assert_eq!(refused.invalid_fields(), fields);
    }
    let missing = scene.submit(&run, json!({"outputs": [one]})).await.json();
    let named = text(&missing["errors"][0]["message"]);
    assert!(named.contains(text(&two["tool_call_id"])), "{named}");
    let wrong = json!({"approvals": [
        {"tool_call_id": one["tool_call_id"], "approve": true},
        {"tool_call_id": two["tool_call_id"], "approve": true},
    ]});
    let path = scene.run_path(&run, "/approvals");
    let wrong = scene.user.post(&path, wrong).await;
    assert_eq!(wrong.problem(409, "run_not_paused")["run_id"], run["id"]);
    let absent = scene.path(&format!("/runs/{ABSENT}/outputs"));
    let absent = scene.user.post(&absent, whole.clone()).await;
    absent.problem(404, "entity_not_found");
    assert_eq!(scene.read(&run).await, run);

    // In any order, and with every character that JSON can tell.
    let odd = "\u{1f980} \"quoted\" \u{202e}\n\\u0000";
    let mut odd = outputs(&run, odd);
    odd["outputs"].as_array_mut().unwrap().reverse();
    odd["outputs"][1]["content"] = "one".into();
    odd["outputs"][1]["is_error"] = true.into();
    scene.submit(&run, odd).await.expect(201);
    assert_eq!(
        scene.told(),
        ["one", "\u{1f980} \"quoted\" \u{202e}\n\\u0000"]
    );
    let late = scene.submit(&run, whole).await;
    late.problem(409, "run_not_paused");
}

async fn of_two_submissions_one_is_taken(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    for _ in 0..100 {
        let thread = scene.user.create_thread().await;
        let said = scene.user.say(&thread, &scene.assistant, "How warm?").await;
        let run = said.expect(201)["run"].clone();
        let path = format!("/threads/{thread}/runs/{}/outputs", text(&run["id"]));
        let submit = async |content: &str| scene.user.post(&path, outputs(&run, content)).await;
        let answers = join_all([submit("one"), submit("two")]).await;
        let (taken, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((taken.len(), refused.len()), (1, 1));
        for refused in refused {
            refused.problem(409, "run_not_paused");
        }
        let path = format!("/threads/{thread}/messages?include=tools");
        let messages = scene.user.get(&path).await.expect(200);
        assert_eq!(messages.as_array().unwrap().len(), 3);
    }
}

async fn a_submission_and_a_cancellation_agree(backend: Backend) {
    let scene = Scene::with_functions(backend, function_then_answer()).await;
    for _ in 0..50 {
        let run = scene.paused().await;
        let cancel = async {
            let path = scene.run_path(&run, "/cancel");
            scene.user.post(&path, json!({})).await.expect(200)
        };
        let (submitted, ended) = join(scene.submit(&run, outputs(&run, "21 °C")), cancel).await;
        let code = submitted.json()["code"].clone();
        match submitted.status {
            201 => assert_eq!(ended["status"], "completed"),
            409 if code == "run_cancelled" => assert_eq!(ended["status"], "cancelled"),
            _ => {
                submitted.problem(409, "run_not_paused");
                assert_eq!(ended["status"], "cancelled");
            }
        }
        assert_eq!(scene.read(&run).await, ended);
    }
}

async fn guarded_calls_wait_for_an_approval(backend: Backend) {
    let calls = [
        ("a", "calculator", SUM),
        ("b", "calculator", r#"{"expression": "1"}"#),
    ];
    let replies = [
        Reply::calls(&calls),
        Reply::answer("42."),
        Reply::calls(&calls[..1]),
        Reply::answer("42 again."),
    ];
    let scene = Scene::with(backend, replies).await;
    let guarded = json!({"tools": ["calculator"], "requires_approval": ["calculator"]});
    scene.change(guarded).await;
    let run = scene.paused().await;
    assert_eq!(run["required_action"]["type"], "approve");
    let approve = |approvals: Value| {
        let path = scene.run_path(&run, "/approvals");
        let body = json!({"approvals": approvals});
        let user = scene.user.clone();
        async move { user.post(&path, body).await }
    };
    let yes = json!({"tool_call_id": "a", "approve": true});
    let no = json!({"tool_call_id": "b", "approve": false, "reason": "Too easy."});
    let mut long = no.clone();
    long["reason"] = "x".repeat(1_001).into();
    for (approvals, field) in [
        (json!([yes]), "approvals"),
        (json!([yes, yes]), "approvals[1].tool_call_id"),
        (json!([yes, long]), "approvals[1].reason"),
        (json!([yes, {"tool_call_id": "b"}]), "approvals[1].approve"),
    ] {
        let fields = approve(approvals).await.invalid_fields();
        assert_eq!(fields[0], field);
    }
    let admin = scene.server.admin().await;
    let path = scene.run_path(&run, "/approvals");
    let foreign = admin.post(&path, json!({"approvals": [yes, no]})).await;
    foreign.problem(403, "forbidden");
    let answered = approve(json!([no, yes])).await.expect(201);
    assert_eq!(answered["output"], "42.");
    assert_eq!(scene.told(), ["42", "The call was declined: Too easy."]);

    let run = scene.paused().await;
    let post = scene
        .user
        .request(Method::POST, &scene.run_path(&run, "/approvals"));
    let events = post
        .json(&json!({"approvals": [yes]}))
        .events()
        .await
        .rest()
        .await;
    assert_eq!(
        kinds(&events),
        [
            "run.resumed",
            "tool.called",
            "tool.returned",
            "message.completed",
            "run.completed"
        ]
    );
}

async fn functions_are_checked(backend: Backend) {
    let scene = Scene::with(backend, Reply::answer("hi")).await;
    let admin = scene.server.admin().await;
    let path = format!("/assistants/{}", scene.assistant);
    let function = |name: &str| json!({"name": name});
    let many: Vec<_> = (0..129)
        .map(|number| function(&format!("f{number}")))
        .collect();
    let large = json!({"type": "object", "description": "x".repeat(60_000)});
    let large: Vec<_> = (0..5)
        .map(|number| json!({"name": format!("f{number}"), "parameters": large}))
        .collect();
    for (change, fields) in [
        (json!([function("a b")]), vec!["functions[0].name"]),
        (
            json!([function(&"x".repeat(65))]),
            vec!["functions[0].name"],
        ),
        (json!([{}]), vec!["functions[0].name"]),
        (
            json!([function("f"), function("f")]),
            vec!["functions[1].name"],
        ),
        (json!([function("calculator")]), vec!["functions[0].name"]),
        (
            json!([{"name": "f", "parameters": {"type": "nothing"}}]),
            vec!["functions[0].parameters"],
        ),
        (
            json!([{"name": "f", "parameters": "{}"}]),
            vec!["functions[0].parameters"],
        ),
        (
            json!([{"name": "f", "descriptions": ""}]),
            vec!["functions[0].descriptions"],
        ),
        (json!(many), vec!["functions"]),
        (json!(large), vec!["functions"]),
    ] {
        let body = json!({"tools": ["calculator"], "functions": change});
        let refused = admin.patch(&path, body).await;
        assert_eq!(refused.invalid_fields(), fields, "{change}");
    }
    let wanted = json!({"tools": ["calculator"], "requires_approval": ["current_time"]});
    let refused = admin.patch(&path, wanted).await;
    assert_eq!(refused.invalid_fields(), ["requires_approval[0]"]);
    let written = admin.patch(&path, functions()).await.expect(200);
    assert_eq!(written["functions"][0]["strict"], false);
    // A tool of that name could not be told from the function.
    let named = json!({"name": "Temperature", "slug": "temperature", "model": "echo::echo"});
    admin.post("/assistants", named).await.expect(201);
    let refused = admin
        .patch(&path, json!({"tools": ["assistant:temperature"]}))
        .await;
    assert_eq!(refused.invalid_fields(), ["functions[0].name"]);
    let seen = scene.user.get(&path).await.expect(200);
    assert_eq!(
        (&seen["functions"], &seen["requires_approval"]),
        (&Value::Null, &Value::Null)
    );
    // What was read can be sent back.
    let read = admin.get(&path).await.expect(200);
    let written = admin
        .request(Method::PUT, &path)
        .json(&read)
        .send()
        .await
        .expect(200);
    assert_eq!(written["functions"], read["functions"]);
}
