//! Messages: posting, answers, failures.

use std::time::Duration;

use colloquy_application::ports::{ModelError, ModelErrorKind};
use colloquy_application::testing::fakes::{Gate, Script};
use colloquy_domain::{FinishReason, Usage};
use serde_json::json;

use crate::conversation::Conversation;
use crate::support::members;

#[tokio::test]
async fn a_message_is_answered() {
    let c = Conversation::new().await;
    let usage = Usage {
        input_tokens: 3,
        output_tokens: 5,
    };
    let script = Script::new()
        .text("Hi ")
        .text("there")
        .end_with(FinishReason::Stop, Some(usage));
    let answer = c.post(script).await;
    let body = answer.ok(201);
    let run = body["run"]["id"].as_str().unwrap();
    let now = "2026-01-01T00:00:00.000000Z";
    let expected_run = json!({
        "id": run,
        "thread_id": c.thread,
        "assistant_id": c.assistant,
        "assistant_revision": 1,
        "status": "completed",
        "finish_reason": "stop",
        "error": null,
        "usage": {"input_tokens": 3, "output_tokens": 5},
        "cache": null,
        "required_action": null,
        "created_at": now,
        "finished_at": now,
    });
    assert_eq!(body["run"], expected_run);
    assert_eq!(body["output"], "Hi there");
    let message = |index: usize, kind: &str, content: &str| {
        json!({
            "id": body["messages"][index]["id"],
            "thread_id": c.thread,
            "type": kind,
            "content": content,
            "status": "completed",
            "run_id": run,
            "assistant_id": c.assistant,
            "created_at": now,
        })
    };
    let expected = json!([message(0, "human", "hello"), message(1, "ai", "Hi there")]);
    assert_eq!(body["messages"], expected);
    assert_eq!(c.listed().await, expected);
    let location = format!("/api/v1/threads/{}/runs/{run}", c.thread);
    assert_eq!(answer.header("location"), Some(location.as_str()));
}

#[tokio::test]
async fn an_answer_that_was_cut_is_incomplete() {
    let c = Conversation::new().await;
    let script = Script::new().text("Hi").end(FinishReason::Length);
    let body = c.post(script).await.ok(201);
    assert_eq!(body["run"]["finish_reason"], "length");
    assert_eq!(body["messages"][1]["status"], "incomplete");
    assert_eq!(body["output"], "Hi");
}

#[tokio::test]
async fn a_failed_run_is_a_problem_that_names_it_and_keeps_the_message() {
    let rate_limited = || ModelError {
        kind: ModelErrorKind::RateLimited,
        retry_after: Some(Duration::from_millis(3_600_500)),
        source: Some("upstream words".into()),
    };
    for (error, status, code, retry_after) in [
        (ModelErrorKind::Refused.into(), 502, "model_error", None),
        (
            ModelErrorKind::NotConfigured.into(),
            502,
            "model_not_configured",
            None,
        ),
        (rate_limited(), 503, "model_rate_limited", Some("3601")),
        (ModelErrorKind::TimedOut.into(), 504, "model_timeout", None),
        (
            ModelErrorKind::ContextTooLong.into(),
            422,
            "context_too_long",
            None,
        ),
    ] {
        let c = Conversation::new().await;
        let answer = c.post(Script::refusal(error)).await;
        let problem = answer.problem(status, code);
        assert_eq!(answer.header("retry-after"), retry_after);
        assert!(!format!("{answer:?}").contains("upstream"));
        assert_eq!(problem["thread_id"], json!(c.thread));
        let run = problem["run_id"].as_str().unwrap();
        let path = format!("/threads/{}/runs/{run}", c.thread);
        let run = c.api.get(&path).by(&c.user).send().await.ok(200);
        assert_eq!(run["status"], "failed");
        assert_eq!(run["error"]["code"], code);
        assert_eq!(run["error"]["message"], problem["detail"]);
        assert_eq!(members(&c.listed().await, "content"), ["hello"]);
    }
}

#[tokio::test]
async fn a_run_that_the_service_interrupts_says_so() {
    let c = Conversation::new().await;
    let engine = c.api.use_cases.engine.clone();
    let stop = async {
        c.api.model.asked(1).await;
        engine.stop(Duration::ZERO).await;
    };
    let (answer, ()) = tokio::join!(c.post(Script::new().text("Hi").hang()), stop);
    answer.problem(503, "interrupted");
    assert_eq!(answer.header("retry-after"), Some("1"));
    let late = c.post(Script::answer("never said")).await;
    late.problem(503, "service_unavailable");
}

#[tokio::test]
async fn a_thread_has_one_run_at_a_time() {
    let c = Conversation::new().await;
    let gate = Gate::new();
    let first = c.post(Script::new().wait(&gate).text("Hi").end(FinishReason::Stop));
    let second = async {
        c.api.model.asked(1).await;
        let answer = c.post(Script::answer("never said")).await;
        gate.open();
        answer
    };
    let (first, second) = tokio::join!(first, second);
    first.ok(201);
    second.problem(409, "thread_busy");
}

#[tokio::test]
async fn everything_wrong_with_a_message_is_named_at_once() {
    let c = Conversation::new().await;
    for (body, fields) in [
        (json!({}), vec!["content required"]),
        (
            json!({"assistant_id": "no reference", "content": "  ", "role": "system"}),
            vec![
                "assistant_id invalid_format",
                "content blank",
                "role unknown_field",
            ],
        ),
        (
            json!({"assistant_id": null, "content": "x".repeat(100_001)}),
            vec!["assistant_id null_not_allowed", "content too_long"],
        ),
        (
            json!({"assistant_id": "guide", "content": "NUL \u{0}"}),
            vec!["content invalid_format"],
        ),
    ] {
        let call = c.api.post(&c.path()).by(&c.user).json(&body);
        assert_eq!(call.send().await.invalid_fields(), fields);
    }
    assert_eq!(c.listed().await, json!([]));
}

#[tokio::test]
async fn a_missing_assistant_and_a_hidden_one_are_the_same_404() {
    let c = Conversation::new().await;
    let off = json!({"name": "x", "slug": "off", "model": "fake::m", "is_enabled": false});
    c.api.assistant_with(&c.admin, off).await;
    let mut answers = Vec::new();
    for assistant in ["off", "missing", "01890000-0000-7000-8000-000000000000"] {
        let body = json!({"assistant_id": assistant, "content": "hello"});
        let call = c.api.post(&c.path()).by(&c.user).json(&body);
        let answer = call.send().await;
        let problem = answer.problem(404, "entity_not_found");
        assert_eq!(problem["errors"][0]["field"], "assistant_id");
        answers.push(answer.without_request_id());
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn the_assistant_of_the_thread_answers_unless_another_is_named() {
    let c = Conversation::new().await;
    let other = c.api.assistant(&c.admin, "other").await;
    let change = json!({"assistant_id": c.assistant});
    let thread = format!("/threads/{}", c.thread);
    let ask = async |body| {
        c.api.model.add(Script::answer("Hi"));
        c.api.post(&c.path()).by(&c.user).json(&body).send().await
    };
    let nobody = ask(json!({"content": "hello"})).await;
    assert_eq!(nobody.invalid_fields(), ["assistant_id required"]);
    let changed = c.api.patch(&thread).by(&c.user).json(&change);
    changed.send().await.ok(200);
    let of_thread = ask(json!({"content": "hello"})).await.ok(201);
    assert_eq!(of_thread["run"]["assistant_id"], json!(c.assistant));
    let named = ask(json!({"content": "hello", "assistant_id": "other"})).await;
    assert_eq!(named.ok(201)["run"]["assistant_id"], json!(other));
}

#[tokio::test]
async fn a_message_is_deleted_by_the_threads_owner() {
    let c = Conversation::new().await;
    let body = c.post(Script::answer("Hi")).await.ok(201);
    let message = body["messages"][0]["id"].as_str().unwrap();
    let path = format!("{}/{message}", c.path());
    let by_admin = c.api.delete(&path).by(&c.admin).send().await;
    by_admin.problem(403, "forbidden");
    c.api.delete(&path).by(&c.user).send().await.no_content();
    assert_eq!(members(&c.listed().await, "content"), ["Hi"]);
    let again = c.api.delete(&path).by(&c.user).send().await;
    let problem = again.problem(404, "entity_not_found");
    assert_eq!(problem["errors"][0]["field"], "message_id");
}
