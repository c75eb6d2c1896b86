//! A custom tool with typed arguments, from which its schema is derived. It acts with the caller's
//! rights.
//!
//! The scripted model calls the tool, then answers.
//!
//! `cargo run -p colloquy-application --example own_tool`
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;

use async_trait::async_trait;
use colloquy_application::accounts::NewAccount;
use colloquy_application::assistants::NewAssistant;
use colloquy_application::messages::PostMessage;
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{BoxError, IdGenerator as _, InstanceId};
use colloquy_application::system::UuidV7Generator;
use colloquy_application::testing::fakes::{Memory, Script, ScriptedModel};
use colloquy_application::threads::NewThread;
use colloquy_application::tools::{ToolContext, ToolError, Toolbox, TypedTool};
use colloquy_application::{Settings, UseCases};
use colloquy_domain::{
    Actor, AssistantName, AssistantRef, Email, FinishReason, MessageContent, ModelName, ToolName,
    ToolRef, tool_name,
};
use schemars::JsonSchema;
use serde::Deserialize;

const ORDERS: ToolName = tool_name!("orders");

/// Looks up the caller's orders.
struct Orders {
    /// Customer, state, item. A real tool would hold a client of the shop.
    shop: Vec<(Email, State, &'static str)>,
}

// The model reads the doc comments of the type and its fields.
/// Which orders to list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Only orders in this state; all of them unless given.
    state: Option<State>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    Open,
    Delivered,
}

#[async_trait]
impl TypedTool for Orders {
    type Arguments = Wanted;

    fn name(&self) -> ToolName {
        ORDERS
    }

    fn description(&self) -> String {
        "Lists what the user has ordered.".to_owned()
    }

    async fn call(&self, context: &ToolContext, wanted: Wanted) -> Result<String, ToolError> {
        // The customer is not an argument: the model's words are as untrusted as the user's.
        let user = context.actor.user();
        let user = user.ok_or_else(|| ToolError::new("Nobody is signed in."))?;
        let orders = self.shop.iter().filter(|(customer, state, _)| {
            *customer == user.email && wanted.state.is_none_or(|wanted| wanted == *state)
        });
        let orders: Vec<&str> = orders.map(|(_, _, what)| *what).collect();
        Ok(orders.join(", "))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let (ada, bob) = ("ada@example.org", "bob@example.org");
    let shop = vec![
        (Email::parse(ada)?, State::Open, "a lamp"),
        (Email::parse(ada)?, State::Delivered, "a chair"),
        (Email::parse(bob)?, State::Open, "a table"),
    ];
    let model = Arc::new(ScriptedModel::new([]));
    let settings = Settings {
        default_model: Some(ModelName::parse("scripted::clerk")?),
        toolbox: Toolbox::new().with(Orders { shop })?,
        ..Settings::new(InstanceId(UuidV7Generator.next_id()))
    };
    let ports = Memory::new().ports(model.clone());
    let service = UseCases::new(ports, Arc::new(DefaultPolicy), settings);
    // An assistant may only use the tools that it lists.
    let clerk = NewAssistant {
        tools: vec![ToolRef::Registered(ORDERS)],
        ..NewAssistant::new(AssistantName::parse("Clerk")?)
    };
    // `define` is `create` without a permission check, for the operator.
    let clerk = AssistantRef::Id(service.assistants.define(clerk).await?.id);

    for (person, found) in [(ada, "a lamp"), (bob, "a table")] {
        let arguments = r#"{"state": "open"}"#;
        let call = Script::new().call("call-1", ORDERS.as_str(), arguments);
        model.add(call.end(FinishReason::Stop));
        model.add(Script::answer("Here is what is still to come."));
        let person = NewAccount::new(Email::parse(person)?);
        let person = Actor::from(service.accounts.create(person).await?);
        let thread = service
            .threads
            .create(&person, NewThread::default())
            .await?;
        let post = PostMessage::new(clerk.clone(), MessageContent::parse("What is on its way?")?);
        let started = service.messages.post(&person, thread.id, post).await?;
        let outcome = started.wait().await?;
        assert_eq!(outcome.output(), Some("Here is what is still to come."));

        // The last request: the conversation, ending with the tool's result.
        let requests = model.requests();
        let last = requests.last().and_then(|request| request.messages.last());
        let result = last.map_or("", |message| message.text());
        println!("{ORDERS} {arguments} -> {result:?}");
        assert_eq!(result, found);
    }
    let tool = &model.requests()[0].tools[0];
    println!("the model sees {}: {:#}", tool.name, tool.parameters);
    let state = &tool.parameters["properties"]["state"];
    assert_eq!(
        state["description"],
        "Only orders in this state; all of them unless given."
    );
    Ok(())
}

#[test]
fn it_does_what_it_says() -> Result<(), BoxError> {
    main()
}
