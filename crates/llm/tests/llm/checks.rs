//! Model checks and the echo model.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{providers, read, request, settings, user};
use colloquy_application::ports::{ChatModel, Clock, ModelErrorKind};
use colloquy_application::testing::fakes::ManualClock;
use colloquy_domain::{FinishReason, ModelName, Usage};
use colloquy_llm::{ModelProviders, ProviderKind, ProviderSettings, SettingsError, Timeouts};

fn check(models: &ModelProviders, name: &str) -> Result<(), (&'static str, String)> {
    let checked = models.check(&ModelName::parse(name).unwrap());
    checked.map_err(|violation| (violation.code, violation.message))
}

fn named(name: &str, kind: ProviderKind, base_url: Option<&str>) -> ProviderSettings {
    let mut settings = settings(kind, "http://localhost/v1");
    settings.name = name.to_owned();
    settings.base_url = base_url.map(|url| url.parse().unwrap());
    settings
}

#[test]
fn without_settings_only_local_models_can_be_asked() {
    let models = providers(Vec::new());
    assert_eq!(check(&models, "echo::echo"), Ok(()));
    assert_eq!(check(&models, "ollama::llama3.2"), Ok(()));
    for provider in ["openai", "anthropic", "gemini", "mistral"] {
        let (code, sentence) = check(&models, &format!("{provider}::m")).unwrap_err();
        assert_eq!(code, "provider_not_configured");
        assert!(
            sentence.contains(provider) && sentence.contains("API key"),
            "{sentence}"
        );
    }
}

#[test]
fn a_key_makes_a_built_in_provider_usable() {
    let models = providers(vec![named("openai", ProviderKind::OpenAi, None)]);
    assert_eq!(check(&models, "openai::gpt-4o-mini"), Ok(()));
}

#[test]
fn a_custom_provider_needs_an_address() {
    let models = providers(vec![named("local", ProviderKind::OpenAi, None)]);
    let (code, sentence) = check(&models, "local::m").unwrap_err();
    assert_eq!(code, "provider_not_configured");
    assert!(sentence.contains("base URL"), "{sentence}");
    let address = Some("http://localhost:8000/v1");
    let models = providers(vec![named("local", ProviderKind::OpenAi, address)]);
    assert_eq!(check(&models, "local::org::m"), Ok(()));
}

#[test]
fn other_providers_and_other_echoes_are_unknown() {
    let models = providers(Vec::new());
    for name in ["nobody::m", "echo::other"] {
        let (code, _) = check(&models, name).unwrap_err();
        assert_eq!(code, "unknown_provider", "{name}");
    }
}

#[tokio::test]
async fn what_the_check_refuses_cannot_be_asked() {
    let mut request = request();
    request.model = ModelName::parse("openai::m").unwrap();
    let answer = providers(Vec::new()).stream(&request).await;
    let error = answer.err().expect("a refusal");
    assert_eq!(error.kind, ModelErrorKind::NotConfigured);
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let address = Some("http://localhost/v1");
    let kind = ProviderKind::OpenAi;
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let timeouts = Timeouts {
        connect: Duration::MAX,
        idle: Duration::MAX,
    };
    let refused = |settings| ModelProviders::new(settings, timeouts, &clock).err();
    for names in [vec!["echo"], vec!["Upper"], vec![""], vec!["a", "a"]] {
        let settings = names.iter().map(|name| named(name, kind, address));
        let error = refused(settings.collect()).expect("a refusal");
        assert!(matches!(error, SettingsError::Name(_)), "{error:?}");
    }
    let error = refused(vec![named("a", kind, Some("file:///etc"))]);
    assert!(matches!(error, Some(SettingsError::BaseUrl(_))));
}

#[tokio::test]
async fn echo_repeats_the_last_message_in_pieces() {
    let mut request = request();
    request.model = ModelName::parse("echo::echo").unwrap();
    let answer = read(providers(Vec::new()).stream(&request).await.unwrap()).await;
    assert_eq!(answer.text(), "Echo: Say hello again");
    assert!(answer.pieces.len() > 1);
    let end = answer.end.unwrap();
    assert_eq!(end.finish_reason, FinishReason::Stop);
    let usage = Usage {
        input_tokens: 7,
        output_tokens: 4,
    };
    assert_eq!(end.usage, Some(usage));
}

#[tokio::test]
async fn echo_answers_a_long_message_in_few_pieces() {
    let mut request = request();
    request.model = ModelName::parse("echo::echo").unwrap();
    *request.messages.last_mut().unwrap() = user(&"größer ".repeat(10_000));
    let answer = read(providers(Vec::new()).stream(&request).await.unwrap()).await;
    assert_eq!(answer.text().len(), "Echo: ".len() + 90_000);
    assert!(answer.pieces.len() < 40);
}
