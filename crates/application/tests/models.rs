//! Lists and checks models.
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::sync::Arc;

use async_trait::async_trait;
use chrono::TimeDelta;
use colloquy_application::models::{CHECK_TIMEOUT, MAX_CHECKS};
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, InstanceId, ModelError, ModelErrorKind,
    ModelProvider,
};
use colloquy_application::testing::fakes::{ManualClock, Memory};
use colloquy_application::testing::samples::Samples;
use colloquy_application::{Error, Ports, Settings, UseCases};
use colloquy_domain::{Actor, Assistant, ModelName, Violation};
use futures_util::stream;
use uuid::Uuid;

fn model(name: &str) -> ModelName {
    ModelName::parse(name).unwrap()
}

/// A provider whose models do what their names say.
struct Provider;

#[async_trait]
impl ChatModel for Provider {
    fn check(&self, model: &ModelName) -> Result<(), Violation> {
        match model.provider() {
            "here" => Ok(()),
            _ => Err(Violation::new("unknown_provider", "not here")),
        }
    }

    fn providers(&self) -> Vec<ModelProvider> {
        vec![ModelProvider {
            name: "here".to_owned(),
            violation: None,
            models: vec![model("here::answers")],
        }]
    }

    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let items = match request.model.name() {
            "answers" => vec![Ok(ChatEvent::Text("OK".to_owned()))],
            "breaks" => vec![Err(ModelErrorKind::Broken.into())],
            "ends" => vec![],
            "silent" => return Ok(Box::pin(stream::pending())),
            _ => {
                let secret = "the provider's own words";
                return Err(ModelError::new(ModelErrorKind::NotConfigured, secret));
            }
        };
        Ok(Box::pin(stream::iter(items)))
    }
}

struct Scene {
    make: Samples,
    memory: Memory,
    use_cases: UseCases,
    clock: Arc<ManualClock>,
    admin: Actor,
    user: Actor,
}

impl Scene {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let make = Samples::new();
        let memory = Memory::new();
        let ports = Ports {
            clock: clock.clone(),
            ..memory.ports(Arc::new(Provider))
        };
        let settings = Settings {
            default_model: Some(model("here::default")),
            ..Settings::new(InstanceId(Uuid::nil()))
        };
        let actor = |user| Actor::User(Arc::new(user));
        Self {
            use_cases: UseCases::new(ports, Arc::new(DefaultPolicy), settings),
            admin: actor(make.administrator("root@example.org")),
            user: actor(make.user("ada@example.org")),
            make,
            memory,
            clock,
        }
    }

    /// The violation's code, if any.
    async fn check(&self, name: &str) -> Result<Option<&'static str>, Error> {
        let model = model(name);
        let checked = self.use_cases.models.check(&self.admin, &model);
        let violation = checked.await?.err();
        Ok(violation.map(|violation| {
            assert!(!violation.message.contains("own words"));
            violation.code
        }))
    }
}

#[tokio::test]
async fn the_list_has_what_providers_are_known_to_have_and_assistants_use() {
    let scene = Scene::new();
    let assistants = scene.memory.stores().assistants;
    for name in ["away::model", "here::used"] {
        let assistant = Assistant {
            model: model(name),
            ..scene.make.assistant("Guide")
        };
        assistants.add(&assistant).await.unwrap();
    }
    let list = scene.use_cases.models.list(&scene.admin).await.unwrap();
    assert_eq!(list.default_model, Some(model("here::default")));
    assert_eq!(list.providers, Provider.providers());
    let models = list.models.iter();
    let models: Vec<_> = models
        .map(|it| (it.name.as_str(), it.violation.is_none()))
        .collect();
    assert_eq!(
        models,
        [
            ("away::model", false),
            ("here::answers", true),
            ("here::default", true),
            ("here::used", true),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_check_says_in_our_words_whether_the_model_answers() {
    let scene = Scene::new();
    for (name, code) in [
        ("here::answers", None),
        ("here::breaks", Some("broken")),
        ("here::ends", Some("broken")),
        ("here::refuses", Some("not_configured")),
        ("away::model", Some("unknown_provider")),
    ] {
        assert_eq!(scene.check(name).await.unwrap(), code, "{name}");
    }
    let begun = tokio::time::Instant::now();
    assert_eq!(
        scene.check("here::silent").await.unwrap(),
        Some("timed_out")
    );
    assert_eq!(begun.elapsed(), CHECK_TIMEOUT);
}

#[tokio::test]
async fn checks_are_limited_in_time() {
    let scene = Scene::new();
    for _ in 0..MAX_CHECKS {
        scene.check("here::answers").await.unwrap();
        scene.clock.advance(TimeDelta::seconds(1));
    }
    // Checks without a request do not count.
    scene.check("away::model").await.unwrap();
    let wait = 60 - i64::try_from(MAX_CHECKS).unwrap();
    match scene.check("here::answers").await.unwrap_err() {
        Error::TooManyModelChecks { retry_after } => {
            assert_eq!(retry_after, TimeDelta::seconds(wait).to_std().unwrap());
        }
        other => panic!("{other:?}"),
    }
    scene.clock.advance(TimeDelta::seconds(wait));
    scene.check("here::answers").await.unwrap();
    assert!(scene.check("here::answers").await.is_err());
}

#[tokio::test]
async fn models_are_for_those_who_manage_assistants() {
    let scene = Scene::new();
    let models = &scene.use_cases.models;
    let name = model("here::answers");
    for (actor, is_guest) in [(&Actor::Guest, true), (&scene.user, false)] {
        for error in [
            models.list(actor).await.unwrap_err(),
            models.check(actor, &name).await.unwrap_err(),
        ] {
            match error {
                Error::Unauthenticated => assert!(is_guest),
                Error::Forbidden(_) => assert!(!is_guest),
                other => panic!("{other:?}"),
            }
        }
    }
}
