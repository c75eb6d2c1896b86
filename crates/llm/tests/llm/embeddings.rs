//! OpenAI's embeddings.

use std::sync::Arc;

use crate::support::{KEY, providers, settings};
use colloquy_application::ports::{Embedder, PortError};
use colloquy_domain::ModelName;
use colloquy_llm::ProviderKind;
use colloquy_tests::model_server::{ModelServer, Reply, Request, Script};
use serde_json::{Value, json};

/// Depends on the text; not normalised.
fn vector(text: &str) -> Vec<f32> {
    let mut numbers = vec![0.5_f32; 8];
    for (place, byte) in text.bytes().enumerate() {
        numbers[place % 8] += f32::from(byte);
    }
    numbers
}

fn answer(data: &Value) -> Reply {
    let body = json!({"object": "list", "data": data, "model": "m", "usage": {}});
    Reply::body(200, "application/json", &body.to_string())
}

fn embedded(request: &Request) -> Reply {
    let text = request.body["input"].as_str().unwrap();
    answer(&json!([{"object": "embedding", "index": 0, "embedding": vector(text)}]))
}

async fn scripted(script: impl Into<Script>) -> (ModelServer, Arc<dyn Embedder>) {
    let server = ModelServer::start(script).await;
    let models = providers(vec![settings(ProviderKind::OpenAi, &server.base_url())]);
    let model = ModelName::parse("p::embed-small").unwrap();
    let embedder = models.embedder(&model).unwrap();
    (server, embedder)
}

async fn embedder() -> Option<(Arc<dyn Embedder>, ModelServer)> {
    let (server, embedder) = scripted(Script::new(embedded)).await;
    Some((embedder, server))
}

colloquy_application::embedder_contracts!(embedder);

#[tokio::test]
async fn a_text_is_sent_as_openai_takes_it() {
    let (server, embedder) = scripted(Script::new(embedded)).await;
    embedder.embed("How are you?").await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.method, "POST");
    assert!(request.path.ends_with("/v1/embeddings"), "{}", request.path);
    let bearer = format!("Bearer {KEY}");
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    let expected =
        json!({"model": "embed-small", "input": "How are you?", "encoding_format": "float"});
    assert_eq!(request.body, expected);
    assert_eq!(embedder.model(), "p::embed-small");
}

#[tokio::test]
async fn gemini_is_asked_where_it_speaks_openai() {
    let server = ModelServer::start(Script::new(embedded)).await;
    let address = server.root_url();
    let models = providers(vec![settings(ProviderKind::Gemini, &address)]);
    let model = ModelName::parse("p::gemini-embedding-001").unwrap();
    let embedder = models.embedder(&model).unwrap();
    embedder.embed("How are you?").await.unwrap();
    let request = server.requests().remove(0);
    assert_eq!(request.path, "/openai/embeddings");
    let bearer = format!("Bearer {KEY}");
    assert_eq!(request.header("authorization"), Some(bearer.as_str()));
    assert_eq!(request.body["model"], "gemini-embedding-001");
}

#[tokio::test]
async fn an_answer_that_is_no_vector_is_refused() {
    let one = json!({"embedding": [1.0, 2.0]});
    for reply in [
        answer(&json!([])),
        answer(&json!([one, one])),
        answer(&json!([{"embedding": []}])),
        answer(&json!([{"embedding": [0.0, 0.0]}])),
        answer(&json!([{"embedding": [1e39, 1.0]}])),
        answer(&json!([{"embedding": "AAAA"}])),
        answer(&json!([{"embedding": vec![0.5; 9000]}])),
        answer(&json!([{"embedding": [1.0], "x": "x".repeat(2_000_000)}])),
        Reply::body(200, "text/html", "<html>"),
        Reply::status(404),
    ] {
        let (_server, embedder) = scripted(reply.clone()).await;
        let error = embedder.embed("text").await.unwrap_err();
        assert!(matches!(error, PortError::Other(_)), "{error:?} {reply:?}");
    }
}

#[tokio::test]
async fn a_service_that_is_down_or_refuses_our_key_is_unavailable_and_asked_once() {
    for reply in [
        Reply::status(500),
        Reply::status(429),
        Reply::status(401),
        Reply::silence().reset(),
    ] {
        let (server, embedder) = scripted(reply).await;
        let error = embedder.embed("text").await.unwrap_err();
        assert!(matches!(error, PortError::Unavailable(_)), "{error:?}");
        assert!(server.requests().len() <= 1);
    }
}

#[test]
fn a_provider_without_embeddings_says_so() {
    let models = providers(vec![settings(ProviderKind::Anthropic, "http://localhost")]);
    for (name, code) in [
        ("p::m", "no_embeddings"),
        ("echo::echo", "no_embeddings"),
        ("openai::m", "provider_not_configured"),
        ("nobody::m", "unknown_provider"),
    ] {
        let model = ModelName::parse(name).unwrap();
        let violation = models.embedder(&model).err().unwrap();
        assert_eq!(violation.code, code, "{name}");
    }
    let ollama = ModelName::parse("ollama::nomic-embed-text").unwrap();
    assert!(models.embedder(&ollama).is_ok());
}
