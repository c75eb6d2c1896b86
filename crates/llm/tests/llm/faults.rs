//! Failures of an OpenAI-compatible provider.

use std::time::Duration;

use crate::support::{KEY, ask, ask_scripted, providers, scripted, settings};
use colloquy_application::ports::{ModelError, ModelErrorKind};
use colloquy_llm::ProviderKind;
use colloquy_tests::model_server::Reply;
use serde_json::json;
use tokio::net::TcpListener;

async fn ask_at(base_url: &str) -> ModelErrorKind {
    let models = providers(vec![settings(ProviderKind::OpenAi, base_url)]);
    ask(&models).await.failure()
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable() {
    let failure = ask_at("http://no-such-host.invalid/v1").await;
    assert_eq!(failure, ModelErrorKind::Unreachable);
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let failure = ask_at(&format!("http://{address}/v1")).await;
    assert_eq!(failure, ModelErrorKind::Unreachable);
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_timed_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let failure = ask_at(&format!("https://{address}/v1")).await;
    assert_eq!(failure, ModelErrorKind::TimedOut);
}

#[tokio::test]
async fn a_connection_reset_before_the_answer_is_unreachable() {
    for reply in [Reply::silence().reset(), Reply::events().reset()] {
        let failure = ask_scripted(reply).await.failure();
        assert_eq!(failure, ModelErrorKind::Unreachable);
    }
}

#[tokio::test]
async fn each_status_has_its_meaning_and_is_one_attempt() {
    for (status, expected) in [
        (301, ModelErrorKind::Broken),
        (400, ModelErrorKind::Refused),
        (401, ModelErrorKind::NotConfigured),
        (403, ModelErrorKind::NotConfigured),
        (404, ModelErrorKind::Refused),
        (408, ModelErrorKind::Unavailable),
        (409, ModelErrorKind::Unavailable),
        (422, ModelErrorKind::Refused),
        (429, ModelErrorKind::RateLimited),
        (500, ModelErrorKind::Unavailable),
        (502, ModelErrorKind::Unavailable),
        (503, ModelErrorKind::Unavailable),
        (529, ModelErrorKind::Unavailable),
    ] {
        let (server, models) = scripted(Reply::status(status)).await;
        assert_eq!(ask(&models).await.failure(), expected, "{status}");
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (target, _) = scripted(Reply::answer("from inside")).await;
    let redirect = Reply::status(307).header("location", &target.base_url());
    assert_eq!(
        ask_scripted(redirect).await.failure(),
        ModelErrorKind::Broken
    );
    assert!(target.requests().is_empty());
}

#[tokio::test]
async fn how_long_to_wait_is_passed_on() {
    let date = "Thu, 01 Jan 2026 00:01:59 GMT";
    for (status, value, expected) in [
        (429, "5", 5),
        (429, "600", 600),
        (429, date, 119),
        (503, "1", 1),
    ] {
        let reply = Reply::status(status).header("retry-after", value);
        let error = ask_scripted(reply).await.end.unwrap_err();
        assert_eq!(error.retry_after, Some(Duration::from_secs(expected)));
    }
    let silent = ask_scripted(Reply::status(429)).await.end.unwrap_err();
    assert_eq!(silent.retry_after, None);
}

#[tokio::test]
async fn after_a_failure_the_next_call_may_succeed() {
    let (_server, models) = scripted([Reply::status(503), Reply::answer("a")]).await;
    assert_eq!(ask(&models).await.failure(), ModelErrorKind::Unavailable);
    assert_eq!(ask(&models).await.text(), "a");
}

#[tokio::test]
async fn a_conversation_that_does_not_fit_is_too_long() {
    let error = json!({"error": {"message": "no", "code": "context_length_exceeded"}});
    let reply = Reply::body(400, "application/json", &error.to_string());
    let failure = ask_scripted(reply).await.failure();
    assert_eq!(failure, ModelErrorKind::ContextTooLong);
}

/// As logged.
fn logged(error: &ModelError) -> String {
    format!("{error} {error:?}")
}

#[tokio::test]
async fn a_key_that_the_provider_repeats_is_not_logged() {
    let message = format!("wrong key\n{KEY}");
    let answers = [
        Reply::body(401, "text/plain", &message),
        Reply::events().data(&json!({"error": {"message": message}})),
    ];
    for reply in answers {
        let error = ask_scripted(reply).await.end.unwrap_err();
        let logged = logged(&error);
        assert!(logged.contains("wrong key"), "{logged}");
        assert!(!logged.contains(KEY) && !logged.contains('\n'), "{logged}");
    }
}

/// Fails after the text `a`.
async fn breaks(reply: Reply) {
    let answer = ask_scripted(reply).await;
    assert_eq!(answer.text(), "a");
    assert_eq!(answer.failure(), ModelErrorKind::Broken);
}

#[tokio::test]
async fn a_reset_in_the_middle_breaks_the_answer() {
    breaks(Reply::events().text("a").reset()).await;
}

#[tokio::test]
async fn a_stream_without_its_end_mark_is_cut() {
    breaks(Reply::events().text("a")).await;
}

#[tokio::test]
async fn malformed_json_breaks_the_answer() {
    breaks(
        Reply::events()
            .text("a")
            .bytes("data: {\"choices\": [\n\n")
            .done(),
    )
    .await;
}

#[tokio::test]
async fn unknown_events_break_the_answer() {
    let surprise = json!({"surprise": true});
    breaks(
        Reply::events()
            .text("a")
            .event("surprise", &surprise)
            .done(),
    )
    .await;
}

#[tokio::test]
async fn an_error_inside_the_stream_breaks_the_answer() {
    let error = json!({"error": {"message": "overloaded"}});
    breaks(Reply::events().text("a").data(&error).done()).await;
    breaks(Reply::events().text("a").event("error", &error).done()).await;
}

#[tokio::test]
async fn an_unknown_reason_for_stopping_breaks_the_answer() {
    breaks(Reply::events().text("a").finish("abort").done()).await;
}

#[tokio::test]
async fn an_event_beyond_bounds_breaks_the_answer() {
    let lines = [
        vec![b'x'; 64 * 1024],
        [b"data: ", vec![b'x'; 64 * 1024].as_slice(), b"\n"].concat(),
    ];
    for line in lines {
        let (server, models) = scripted(
            Reply::events()
                .text("a")
                .bytes("data: ")
                .repeated(line, 800),
        )
        .await;
        let answer = ask(&models).await;
        assert_eq!(answer.text(), "a");
        assert_eq!(answer.failure(), ModelErrorKind::Broken);
        server.abandoned(1).await;
    }
}

#[tokio::test]
async fn what_is_no_event_stream_is_no_answer() {
    for reply in [
        Reply::body(200, "text/html", "<html>Welcome</html>"),
        Reply::body(200, "application/json", "{}"),
        Reply::body(200, "text/event-stream", "<html>Welcome</html>"),
        Reply::body(200, "text/event-stream", ""),
        Reply::body(200, "application/json", ""),
    ] {
        let answer = ask_scripted(reply).await;
        assert_eq!(answer.failure(), ModelErrorKind::Broken);
        assert_eq!(answer.text(), "");
    }
}

#[tokio::test]
async fn an_end_without_choices_is_no_answer() {
    let answer = ask_scripted(Reply::events().usage(7, 0).done()).await;
    assert_eq!(answer.failure(), ModelErrorKind::Broken);
}

#[tokio::test]
async fn empty_events_are_passed_over_and_giving_up_on_them_works() {
    let reply = Reply::events().repeated(": nothing\n\n\n", 10_000);
    let answer = ask_scripted(reply.text("a").finish("stop").done()).await;
    assert_eq!(answer.text(), "a");
    let endless = Reply::events().endless("", Duration::ZERO);
    let (server, models) = scripted(endless).await;
    let given_up = tokio::time::timeout(Duration::from_millis(50), ask(&models)).await;
    assert!(given_up.is_err());
    server.abandoned(1).await;
}
