//! Structured answers.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod support;

use colloquy_application::ports::ChatMessage;
use colloquy_application::testing::fakes::Script;
use colloquy_application::tools::Toolbox;
use colloquy_domain::{
    Assistant, FinishReason, MessageStatus, OutputFormat, OutputSchema, RunErrorCode, RunEventKind,
};
use serde_json::json;

use support::{Service, ai, human};

fn with_schema(assistant: &mut Assistant) {
    let schema = json!({
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": false,
    });
    assistant.output_schema = Some(OutputSchema::new(schema).unwrap());
}

async fn service(scripts: impl IntoIterator<Item = Script>) -> Service {
    Service::of(with_schema, Toolbox::new(), scripts).await
}

#[tokio::test]
async fn the_schema_is_asked_for_and_an_answer_that_keeps_to_it_is_taken() {
    for answer in [
        r#"{"city": "Paris"}"#,
        "```json\n{\"city\": \"Paris\"}\n```\n",
    ] {
        let service = service([Script::answer(answer)]).await;
        let outcome = service.ask("Capital of France?").await.unwrap();
        assert_eq!(outcome.run.output_format, OutputFormat::Json);
        assert_eq!(outcome.output(), Some(answer));
        let request = &service.model.requests()[0];
        assert_eq!(
            request.output_schema.as_ref().unwrap()["required"],
            json!(["city"])
        );
        let instructions = request.instructions.as_deref().unwrap();
        assert!(instructions.starts_with("Be brief.\n\n"), "{instructions}");
        assert!(
            instructions.contains(r#""required":["city"]"#),
            "{instructions}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_schema_may_be_mended_once() {
    for bad in ["Paris", r#"{"town": "Paris"}"#, ""] {
        let service = service([Script::answer(bad), Script::answer(r#"{"city": "Paris"}"#)]).await;
        let outcome = service.ask("Capital of France?").await.unwrap();
        assert_eq!(outcome.run.finish_reason, Some(FinishReason::Stop));
        let stored = [
            human("Capital of France?"),
            ai(r#"{"city": "Paris"}"#, MessageStatus::Completed),
        ];
        assert_eq!(service.stored().await, stored);
        let again = &service.model.requests()[1];
        let Some(ChatMessage::User(complaint)) = again.messages.last() else {
            panic!("{again:?}");
        };
        assert!(complaint.contains("schema"), "{complaint}");
        assert!(!again.may_call_tools);
    }
}

#[tokio::test]
async fn text_is_told_once_it_keeps_to_the_schema() {
    let good = r#"{"city": "Paris"}"#;
    let long = format!(r#"{{"city": "{}"}}"#, "é".repeat(400));
    for (scripts, expected) in [
        (vec![Script::answer("Paris"), Script::answer(good)], good),
        (vec![Script::answer(&long)], &*long),
        (
            vec![Script::answer("Paris"), Script::answer("still")],
            "still",
        ),
    ] {
        let service = service(scripts).await;
        let started = service.post("Capital of France?").await.unwrap();
        let mut events = started.follow(0);
        let (mut told, mut begun) = (String::new(), Vec::new());
        while let Some(page) = events.next().await.unwrap() {
            for event in page {
                match event.kind {
                    RunEventKind::MessageDelta {
                        message_id, text, ..
                    } => {
                        begun.push(message_id);
                        told.push_str(&text);
                    }
                    RunEventKind::MessageCompleted { message } => {
                        assert_eq!(message.content, told);
                        assert!(begun.iter().all(|id| *id == message.id));
                    }
                    _ => {}
                }
            }
        }
        assert_eq!(told, expected);
    }
}

/// An older version of the service accepted it.
#[tokio::test]
async fn a_stored_schema_beyond_the_bounds_costs_no_call() {
    let mut definitions = serde_json::Map::new();
    for level in 0..40 {
        let next = json!({"$ref": format!("#/$defs/a{}", level + 1)});
        definitions.insert(format!("a{level}"), json!({"anyOf": [next, next]}));
    }
    definitions.insert("a40".to_owned(), json!({"type": "string"}));
    let schema = json!({"$ref": "#/$defs/a0", "$defs": definitions});
    let shape = |assistant: &mut Assistant| {
        assistant.output_schema = Some(OutputSchema::new(schema).unwrap());
    };
    let service = Service::of(shape, Toolbox::new(), [Script::answer("\"Paris\"")]).await;
    let failure = service.fails("Capital of France?").await;
    assert_eq!(failure.error.code, RunErrorCode::OutputInvalid);
    assert_eq!(service.model.requests().len(), 0);
}

#[tokio::test]
async fn an_answer_that_never_keeps_to_the_schema_fails_the_run() {
    let service = service([Script::answer("Paris"), Script::answer("It is Paris!")]).await;
    let failure = service.fails("Capital of France?").await;
    assert_eq!(failure.error.code, RunErrorCode::OutputInvalid);
    assert_eq!(service.model.requests().len(), 2);
    let stored = [
        human("Capital of France?"),
        ai("It is Paris!", MessageStatus::Incomplete),
    ];
    assert_eq!(service.stored().await, stored);
}

#[tokio::test]
async fn an_answer_that_was_cut_is_no_value() {
    for reason in [FinishReason::Length, FinishReason::ContentFilter] {
        let service = service([Script::new().text(r#"{"city": "Par"#).end(reason)]).await;
        let failure = service.fails("Capital of France?").await;
        assert_eq!(failure.error.code, RunErrorCode::OutputInvalid);
        assert_eq!(service.model.requests().len(), 1);
    }
}
