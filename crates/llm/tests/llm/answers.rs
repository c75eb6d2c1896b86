//! Successful answers of an OpenAI-compatible provider.

use crate::support::{KEY, ask, ask_scripted, providers, read, request, scripted, settings};
use colloquy_application::ports::{ChatEvent, ChatModel};
use colloquy_domain::{
    Configuration, FinishReason, FrequencyPenalty, PresencePenalty, Temperature, TokenLimit, TopP,
    Usage,
};
use colloquy_llm::ProviderKind;
use colloquy_tests::model_server::{Gate, ModelServer, Reply};
use futures_util::StreamExt;
use serde_json::json;

#[tokio::test]
async fn an_answer_comes_in_pieces_with_reason_and_usage() {
    let answer = ask_scripted(Reply::stream(&["Hel", "lo"])).await;
    assert_eq!(answer.pieces, ["Hel", "lo"]);
    let end = answer.end.unwrap();
    assert_eq!(end.finish_reason, FinishReason::Stop);
    let usage = Usage {
        input_tokens: 7,
        output_tokens: 2,
    };
    assert_eq!(end.usage, Some(usage));
}

#[tokio::test]
async fn a_piece_is_there_before_the_next_one_is_made() {
    let gate = Gate::new();
    let reply = Reply::events()
        .text("a")
        .wait(&gate)
        .text("b")
        .finish("stop")
        .done();
    let (_server, models) = scripted(reply).await;
    let mut stream = models.stream(&request()).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(first, ChatEvent::Text("a".to_owned()));
    gate.open();
    let rest = read(stream).await;
    assert_eq!(rest.text(), "b");
}

#[tokio::test]
async fn the_request_carries_the_conversation_and_the_key() {
    let (server, models) = scripted(Reply::answer("Hello")).await;
    ask(&models).await.end.unwrap();
    let requests = server.requests();
    let [sent] = requests.as_slice() else {
        panic!("{requests:?}");
    };
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str()),
        ("POST", "/v1/chat/completions")
    );
    let bearer = format!("Bearer {KEY}");
    assert_eq!(sent.header("authorization"), Some(bearer.as_str()));
    let expected = json!({
        "model": "model",
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "Say hello again"},
        ],
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    assert_eq!(sent.body, expected);
}

#[tokio::test]
async fn the_request_carries_the_generation_settings() {
    let (server, models) = scripted(Reply::answer("Hello")).await;
    let mut request = request();
    request.configuration = Configuration {
        temperature: Some(Temperature::new(0.5).unwrap()),
        top_p: Some(TopP::new(0.25).unwrap()),
        presence_penalty: Some(PresencePenalty::new(-1.5).unwrap()),
        frequency_penalty: Some(FrequencyPenalty::new(1.5).unwrap()),
        max_output_tokens: Some(TokenLimit::new(99).unwrap()),
        ..Configuration::default()
    };
    read(models.stream(&request).await.unwrap()).await;
    let body = &server.requests()[0].body;
    assert_eq!(body["temperature"], 0.5);
    assert_eq!(body["top_p"], 0.25);
    assert_eq!(body["presence_penalty"], -1.5);
    assert_eq!(body["frequency_penalty"], 1.5);
    assert_eq!(body["max_tokens"], 99);
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let server = ModelServer::start(Reply::answer("Hello")).await;
    let mut keyless = settings(ProviderKind::OpenAi, &server.base_url());
    keyless.api_key = None;
    ask(&providers(vec![keyless])).await.end.unwrap();
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn giving_the_answer_up_closes_the_connection() {
    let reply = Reply::events().text("a").hang();
    let (server, models) = scripted(reply).await;
    let mut stream = models.stream(&request()).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    server.abandoned(1).await;
}

#[tokio::test]
async fn giving_up_before_the_answer_closes_the_connection() {
    for reply in [Reply::silence().hang(), Reply::events().hang()] {
        let (server, models) = scripted(reply).await;
        let request = request();
        let asking = async { models.stream(&request).await.unwrap().next().await };
        tokio::select! {
            event = asking => panic!("{event:?}"),
            () = server.received(1) => {}
        }
        server.abandoned(1).await;
    }
}

#[tokio::test]
async fn why_the_model_stopped_is_told() {
    for (reason, expected) in [
        ("stop", FinishReason::Stop),
        ("length", FinishReason::Length),
        ("content_filter", FinishReason::ContentFilter),
    ] {
        let answer = ask_scripted(Reply::events().text("a").finish(reason).done()).await;
        assert_eq!(answer.finish_reason(), expected);
    }
}

#[tokio::test]
async fn a_refusal_is_text_that_ends_as_filtered() {
    let choice = json!({"delta": {"refusal": "I will not."}});
    let reply = Reply::events().data(&json!({"choices": [choice]}));
    let answer = ask_scripted(reply.finish("stop").done()).await;
    assert_eq!(answer.text(), "I will not.");
    assert_eq!(answer.finish_reason(), FinishReason::ContentFilter);
}

#[tokio::test]
async fn one_of_two_end_marks_is_enough() {
    let marked = ask_scripted(Reply::events().text("a").done()).await;
    assert_eq!(marked.finish_reason(), FinishReason::Stop);
    let reasoned = ask_scripted(Reply::events().text("a").finish("length")).await;
    assert_eq!(reasoned.finish_reason(), FinishReason::Length);
    let torn = ask_scripted(Reply::events().text("a").finish("stop").reset()).await;
    assert_eq!(torn.finish_reason(), FinishReason::Stop);
}

#[tokio::test]
async fn a_character_split_over_packets_stays_whole() {
    let gate = Gate::new();
    let event = Reply::events().bytes("data: {\"choices\":[{\"delta\":{\"content\":\"");
    let (head, tail) = "😀".as_bytes().split_at(2);
    let split = event
        .bytes(head)
        .wait(&gate)
        .bytes(tail)
        .bytes("\"}}]}\n\n");
    let (server, models) = scripted(split.finish("stop").done()).await;
    let request = request();
    let stream = models.stream(&request).await.unwrap();
    server.received(1).await;
    gate.open();
    let answer = read(stream).await;
    assert_eq!(answer.pieces, ["😀"]);
}

#[tokio::test]
async fn nul_is_replaced() {
    let answer = ask_scripted(Reply::stream(&["a\0b"])).await;
    assert_eq!(answer.text(), "a\u{FFFD}b");
}

#[tokio::test]
async fn text_that_looks_like_events_is_text() {
    let text = "a\r\n\r\nevent: error\ndata: [DONE]\n\n\u{2028}b";
    let answer = ask_scripted(Reply::stream(&[text])).await;
    assert_eq!(answer.text(), text);
}

#[tokio::test]
async fn comments_and_other_line_ends_are_understood() {
    let answer = ask_scripted(
        Reply::events()
            .bytes(": keep-alive\r\n\r\n\r\n")
            .bytes("id: 1\r\ndata:{\"choices\":[{\"delta\":\r\ndata:{\"content\":\"a\"}}]}\r\n\r\n")
            .bytes("data: [DONE]\r\n"),
    )
    .await;
    assert_eq!(answer.text(), "a");
    assert_eq!(answer.finish_reason(), FinishReason::Stop);
}

#[tokio::test]
async fn a_server_that_cannot_count_is_asked_without() {
    let refusal = r#"{"error": {"message": "Unrecognized request argument: stream_options"}}"#;
    let refusal = Reply::body(400, "application/json", refusal);
    let (server, models) = scripted([refusal, Reply::answer("a")]).await;
    assert_eq!(ask(&models).await.text(), "a");
    assert_eq!(ask(&models).await.text(), "a");
    let requests = server.requests();
    let asked = requests
        .iter()
        .map(|sent| sent.body.get("stream_options").is_some());
    assert_eq!(asked.collect::<Vec<_>>(), [true, false, false]);
}

#[tokio::test]
async fn connections_are_kept_for_the_next_call() {
    let (server, models) = scripted(Reply::answer("a")).await;
    for _ in 0..3 {
        assert_eq!(ask(&models).await.text(), "a");
    }
    assert_eq!(server.requests().len(), 3);
    assert_eq!(server.connections(), 1);
}
