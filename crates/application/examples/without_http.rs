//! The service embedded in a program, without HTTP: fill the ports, compose the use cases, ask an
//! assistant and follow its answer.
//!
//! This uses the in-memory fakes and a scripted model. A real program fills
//! [`Ports`](colloquy_application::Ports) with the adapters of `colloquy-persistence`,
//! `colloquy-cache` and `colloquy-llm`, or with its own.
//!
//! `cargo run -p colloquy-application --example without_http`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::time::Duration;

use colloquy_application::accounts::NewAccount;
use colloquy_application::assistants::NewAssistant;
use colloquy_application::messages::PostMessage;
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{
    BoxError, IdGenerator as _, InstanceId, MessageScope, MessagesFrom,
};
use colloquy_application::system::UuidV7Generator;
use colloquy_application::testing::fakes::{Memory, Script, ScriptedModel};
use colloquy_application::threads::NewThread;
use colloquy_application::{Settings, UseCases};
use colloquy_domain::{
    Actor, AssistantName, AssistantRef, ContentPart, Email, FinishReason, Instructions,
    MessageContent, ModelName, Role, RunEventKind, RunStatus,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let service = compose()?;

    // Ends runs left by an earlier process of this instance, then keeps leases and event logs up to
    // date.
    service.engine.recover().await?;
    let keeper = service.engine.clone();
    let keeping = tokio::spawn(async move { keeper.keep().await });

    ask(&service).await?;

    service.engine.stop(Duration::from_secs(5)).await;
    keeping.abort();
    Ok(())
}

fn compose() -> Result<UseCases, BoxError> {
    let script = Script::new()
        .text("Take the ")
        .text("early train.")
        .end(FinishReason::Stop);
    let ports = Memory::new().ports(Arc::new(ScriptedModel::new([script])));
    // With a persistent ID, the next process can clean up immediately after a crash; the server
    // stores it in its data directory.
    let instance = InstanceId(UuidV7Generator.next_id());
    let settings = Settings {
        default_model: Some(ModelName::parse("scripted::guide")?),
        ..Settings::new(instance)
    };
    Ok(UseCases::new(ports, Arc::new(DefaultPolicy), settings))
}

async fn ask(service: &UseCases) -> Result<(), BoxError> {
    // `accounts` has no permission checks: it is for the operator. All other use cases check the
    // policy.
    let accounts = &service.accounts;
    let admin = NewAccount {
        role: Role::Admin,
        ..NewAccount::new(Email::parse("admin@example.org")?)
    };
    let admin = Actor::from(accounts.create(admin).await?);
    let ada = NewAccount::new(Email::parse("ada@example.org")?);
    let ada = Actor::from(accounts.create(ada).await?);

    let guide = NewAssistant {
        instructions: Instructions::parse("You plan journeys.")?,
        ..NewAssistant::new(AssistantName::parse("Travel guide")?)
    };
    let guide = service.assistants.create(&admin, guide).await?;
    let guide = AssistantRef::Id(guide.id);
    let thread = service.threads.create(&ada, NewThread::default()).await?;

    // The message and its run are stored before the model is called. The run continues whether or
    // not anybody follows it.
    let post = PostMessage::new(guide, MessageContent::parse("How do I get to Rome?")?);
    let started = service.messages.post(&ada, thread.id, post).await?;
    let mut follower = started.follow(0);
    let mut answer = String::new();
    let mut status = RunStatus::InProgress;
    while let Some(events) = follower.next().await? {
        for event in events {
            match event.kind {
                RunEventKind::Started { messages, .. } => {
                    for message in messages {
                        println!("Ada: {}", message.content);
                    }
                }
                RunEventKind::MessageDelta {
                    part: ContentPart::Text,
                    text,
                    ..
                } => {
                    println!("  {:>2}  {text:?}", event.number);
                    answer.push_str(&text);
                }
                RunEventKind::Ended { run, .. } => status = run.status,
                _ => {}
            }
        }
    }
    println!("Guide: {answer}");
    assert_eq!(answer, "Take the early train.");
    assert_eq!(status, RunStatus::Completed);

    let scope = MessageScope::Conversation;
    let stored = service
        .messages
        .list(&ada, thread.id, scope, MessagesFrom::OLDEST, 10)
        .await?;
    let stored: Vec<&str> = stored.items.iter().map(|it| it.content.as_str()).collect();
    assert_eq!(stored, ["How do I get to Rome?", "Take the early train."]);
    Ok(())
}

#[test]
fn it_does_what_it_says() -> Result<(), BoxError> {
    main()
}
