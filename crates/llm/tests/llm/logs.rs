//! What calls log at `trace`.

use std::io::{Result, Write};
use std::sync::{Arc, Mutex};

use colloquy_application::ports::ChatModel;
use colloquy_domain::ModelName;
use colloquy_llm::ProviderKind;
use colloquy_tests::model_server::{ModelServer, Reply};
use futures_util::StreamExt;
use serde_json::json;
use tracing::Level;

use crate::support::{KEY, providers, request, settings, user};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn begin() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_max_level(Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .init();
        log
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

async fn ask(kind: ProviderKind, reply: Reply) {
    let server = ModelServer::start(reply).await;
    let mut settings = settings(kind, &server.root_url());
    settings.name = "logged".to_owned();
    let mut request = request();
    request.model = ModelName::parse("logged::model").unwrap();
    request.messages[0] = user("Planted question");
    if let Ok(answer) = providers(vec![settings]).stream(&request).await {
        answer.count().await;
    }
}

#[tokio::test]
async fn calls_are_logged_without_keys_and_words() {
    let log = Log::begin();
    for kind in [
        ProviderKind::OpenAi,
        ProviderKind::Anthropic,
        ProviderKind::Gemini,
    ] {
        let words = json!({"error": {"message": "Planted answer"}});
        ask(kind, Reply::stream(&["Planted answer"])).await;
        ask(kind, Reply::events().event("surprise", &words)).await;
        ask(kind, Reply::body(401, "text/plain", &words.to_string())).await;
    }
    let log = log.text();
    let calls = log.matches("model request sent provider=\"logged\" model=\"model\"");
    assert_eq!(calls.count(), 9);
    for secret in [KEY, "Planted question", "Planted answer"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
