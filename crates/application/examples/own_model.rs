//! A custom model: an adapter of the [`ChatModel`] port that streams its answers.
//!
//! An adapter makes one attempt. The run engine retries, enforces time limits and stores the
//! answer.
//!
//! `cargo run -p colloquy-application --example own_model`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use async_trait::async_trait;
use colloquy_application::accounts::NewAccount;
use colloquy_application::assistants::NewAssistant;
use colloquy_application::messages::PostMessage;
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{
    BoxError, ChatEnd, ChatEvent, ChatMessage, ChatModel, ChatRequest, ChatStream,
    IdGenerator as _, InstanceId, ModelError, ModelErrorKind,
};
use colloquy_application::runs::StartedRun;
use colloquy_application::system::UuidV7Generator;
use colloquy_application::testing::fakes::Memory;
use colloquy_application::threads::NewThread;
use colloquy_application::{Error, Settings, UseCases};
use colloquy_domain::{
    Actor, AssistantName, AssistantRef, ContentPart, Email, FinishReason, MessageContent,
    ModelName, RunErrorCode, RunEventKind, Usage, Violation,
};
use futures_util::{StreamExt as _, stream};

/// Repeats the last message backwards, word by word.
struct Mirror;

impl Mirror {
    /// The context window.
    const MAX_WORDS: usize = 100;
}

#[async_trait]
impl ChatModel for Mirror {
    /// Called when an assistant is defined. An adapter for several providers would check
    /// [`ModelName::provider`].
    fn check(&self, model: &ModelName) -> Result<(), Violation> {
        match model.provider() {
            "mirror" => Ok(()),
            _ => Err(Violation::new("unknown_provider", "must be `mirror::...`")),
        }
    }

    async fn stream(&self, request: &ChatRequest) -> Result<ChatStream, ModelError> {
        let question = request.messages.last().map_or("", ChatMessage::text);
        let words: Vec<String> = question.split_whitespace().map(str::to_owned).collect();
        if words.len() > Self::MAX_WORDS {
            // The kind decides on retries and on what the caller is told.
            return Err(ModelErrorKind::ContextTooLong.into());
        }
        let count = words.len() as u64;
        let end = ChatEnd {
            finish_reason: FinishReason::Stop,
            usage: Some(Usage {
                input_tokens: count,
                output_tokens: count,
            }),
        };
        // A real adapter would map response chunks to these events. Dropping the stream closes the
        // connection.
        let texts = words.into_iter().rev();
        let texts = texts.map(|word| ChatEvent::Text(format!("{word} ")));
        let events = texts.chain([ChatEvent::End(end)]).map(Ok);
        Ok(stream::iter(events).boxed())
    }
}

async fn ask(
    service: &UseCases,
    mirror: &AssistantRef,
    question: &str,
) -> Result<StartedRun, BoxError> {
    let email = Email::parse(format!("{}@example.org", UuidV7Generator.next_id()))?;
    let person = Actor::from(service.accounts.create(NewAccount::new(email)).await?);
    let thread = service
        .threads
        .create(&person, NewThread::default())
        .await?;
    let post = PostMessage::new(mirror.clone(), MessageContent::parse(question)?);
    Ok(service.messages.post(&person, thread.id, post).await?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let settings = Settings::new(InstanceId(UuidV7Generator.next_id()));
    let ports = Memory::new().ports(Arc::new(Mirror));
    let service = UseCases::new(ports, Arc::new(DefaultPolicy), settings);
    let assistant = |model: &str| -> Result<NewAssistant, BoxError> {
        Ok(NewAssistant {
            model: Some(ModelName::parse(model)?),
            ..NewAssistant::new(AssistantName::parse("Mirror")?)
        })
    };
    let mirror = service
        .assistants
        .define(assistant("mirror::words")?)
        .await?;
    let mirror = AssistantRef::Id(mirror.id);
    let refused = service.assistants.define(assistant("glass::words")?).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));

    let mut follower = ask(&service, &mirror, "one two three").await?.follow(0);
    let mut reversed = Vec::new();
    while let Some(events) = follower.next().await? {
        for event in events {
            if let RunEventKind::MessageDelta {
                part: ContentPart::Text,
                text,
                ..
            } = event.kind
            {
                println!("{} {text:?}", event.number);
                reversed.push(text);
            }
        }
    }
    assert_eq!(reversed, ["three ", "two ", "one "]);

    match ask(&service, &mirror, &"word ".repeat(101))
        .await?
        .wait()
        .await
    {
        Err(Error::RunFailed(failure)) => {
            println!("a longer question: {}", failure.error.message);
            assert_eq!(failure.error.code, RunErrorCode::ContextTooLong);
        }
        other => return Err(format!("the window is {}: {other:?}", Mirror::MAX_WORDS).into()),
    }
    Ok(())
}

#[test]
fn it_does_what_it_says() -> Result<(), BoxError> {
    main()
}
