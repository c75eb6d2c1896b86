//! The next request is valid whatever a model and its tools have sent. The rules are from the
//! providers' documentation and error messages.

use std::collections::HashSet;

use colloquy_application::ports::{ChatMessage, ChatRequest, ToolDefinition};
use colloquy_domain::{ToolCall, ToolName, ToolResult, tool_name};
use colloquy_llm::ProviderKind;
use colloquy_tests::model_server::{ModelServer, Reply};
use serde_json::{Map, Value, json};

use crate::support::{ask_for, providers, request, settings};

/// Per provider kind.
const CONVERSATIONS: u64 = 200;

/// Seeded pseudo-random numbers (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % sides as u64).unwrap()
    }

    fn pick(&mut self, texts: &[&str]) -> String {
        texts[self.roll(texts.len())].to_owned()
    }

    fn text(&mut self) -> String {
        self.pick(&[
            "",
            " ",
            "\n\n",
            "\u{3000}\t",
            "\0",
            "a\0b",
            "Hello",
            "ends with space ",
            "{\"a\":1}",
            "<think>hm",
            "\u{FFFD}\u{10FFFF}",
            "\u{200B}",
        ])
    }

    fn call(&mut self) -> ToolCall {
        let long = "x".repeat(200);
        ToolCall {
            id: self.pick(&[
                "",
                "a",
                "a",
                "call_1",
                "call00000",
                "functions.add:0",
                "ü",
                "a b",
                "\0",
                &long,
            ]),
            name: self.pick(&[
                "add", "", " ", "no such", "2fa", "-x", "über", "a.b", "\0", &long,
            ]),
            arguments: self.pick(&[
                "",
                "{}",
                "{\"a\":1}",
                "{\"a\":",
                "[1]",
                "3",
                "null",
                "\"text\"",
                "{} {}",
                "{\"a\":\"\\ud83d\"}",
                "{\"a\":NaN}",
                "{\"a\":\"\0\"}",
                " {\"a\": {\"b\": []}} ",
                &format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200)),
            ]),
            signature: self.signature(),
        }
    }

    /// Any provider's, or broken.
    fn signature(&mut self) -> Option<String> {
        let signature = self.pick(&[
            "",
            "c2lnbmVk",
            "[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"c2ln\"}]",
            "[{\"type\":\"redacted_thinking\",\"data\":\"cmVk\"}]",
            "{\"reasoning_content\":\"hm\",\"extra_content\":{\"google\":{}}}",
            "{\"role\":\"user\",\"content\":7,\"id\":\"\"}",
            "[1,null,{}]",
            "[",
            "\0",
        ]);
        Some(signature).filter(|signature| !signature.is_empty())
    }

    fn message(&mut self, open: &mut Vec<ToolCall>) -> ChatMessage {
        match self.roll(5) {
            0 => ChatMessage::User(self.text()),
            1 => ChatMessage::Assistant {
                text: self.text(),
                tool_calls: Vec::new(),
            },
            2 | 3 if !open.is_empty() => {
                let call = open.remove(self.roll(open.len()));
                self.result(call.id, call.name)
            }
            2 => {
                let id = self.pick(&["", "a", "nobody"]);
                self.result(id, "add".to_owned())
            }
            _ => {
                let calls: Vec<_> = (0..self.roll(4)).map(|_| self.call()).collect();
                open.extend(calls.iter().cloned());
                ChatMessage::Assistant {
                    text: self.text(),
                    tool_calls: calls,
                }
            }
        }
    }

    fn result(&mut self, call_id: String, name: String) -> ChatMessage {
        ChatMessage::Tool(ToolResult {
            call_id,
            name,
            content: self.text(),
            is_error: false,
        })
    }

    fn request(&mut self) -> ChatRequest {
        let mut open = Vec::new();
        ChatRequest {
            instructions: Some(self.text()).filter(|text| text != "Hello"),
            messages: (0..=self.roll(8))
                .map(|_| self.message(&mut open))
                .collect(),
            tools: vec![ToolDefinition {
                is_strict: false,
                name: tool_name!("add"),
                description: "Adds.".to_owned(),
                parameters: json!({"type": "object", "properties": {}}),
            }],
            may_call_tools: self.roll(2) == 0,
            ..request()
        }
    }
}

async fn holds_for(kind: ProviderKind, check: fn(&Value)) {
    for seeds in 0..CONVERSATIONS / 50 {
        let server = ModelServer::start(Reply::status(418)).await;
        let models = providers(vec![settings(kind, &server.root_url())]);
        let asked: Vec<_> = (0..50)
            .map(|seed| Dice(seeds * 50 + seed).request())
            .collect();
        for request in &asked {
            ask_for(&models, request).await;
        }
        let sent = server.requests();
        assert_eq!(sent.len(), asked.len());
        for (sent, asked) in sent.iter().zip(&asked) {
            let text = sent.body.to_string();
            assert!(!text.contains("\\u0000"), "{asked:?}\n{text}");
            let checked = std::panic::catch_unwind(|| check(&sent.body));
            assert!(checked.is_ok(), "{kind:?}\n{:#?}\n{text}", asked.messages);
        }
    }
}

fn text(value: &Value) -> &str {
    let text = value.as_str().unwrap();
    assert!(!text.trim().is_empty(), "blank");
    text
}

fn name(value: &Value) {
    assert!(ToolName::parse(value.as_str().unwrap()).is_ok(), "{value}");
}

fn list<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().map_or(&[], Vec::as_slice)
}

/// OpenAI: roles and their members; IDs of 1 to 40 characters; results right after their calls.
/// Chat templates of other servers: user and model alternate.
fn openai(body: &Value) {
    openai_with(body, |id| assert!((1..=40).contains(&id.chars().count())));
}

/// Mistral, in addition: IDs of nine letters and digits; the model speaks after tools.
fn mistral(body: &Value) {
    openai_with(body, |id| {
        assert!(
            id.len() == 9 && id.bytes().all(|it| it.is_ascii_alphanumeric()),
            "{id}"
        );
    });
}

fn openai_with(body: &Value, check_id: fn(&str)) {
    let mut messages = list(body, "messages").iter().peekable();
    if let Some(system) = messages.next_if(|it| it["role"] == "system") {
        text(&system["content"]);
    }
    let mut ids = HashSet::new();
    let mut is_users_turn = true;
    while let Some(message) = messages.next() {
        if is_users_turn {
            assert_eq!(message["role"], "user");
            text(&message["content"]);
            is_users_turn = false;
            continue;
        }
        assert_eq!(message["role"], "assistant");
        let calls = list(message, "tool_calls");
        if calls.is_empty() || !message["content"].is_null() {
            text(&message["content"]);
        }
        let mut open = HashSet::new();
        for call in calls {
            let id = call["id"].as_str().unwrap();
            check_id(id);
            assert!(ids.insert(id) && open.insert(id), "{id} twice");
            name(&call["function"]["name"]);
            let arguments = call["function"]["arguments"].as_str().unwrap();
            serde_json::from_str::<Map<String, Value>>(arguments).unwrap();
        }
        while let Some(result) = messages.next_if(|it| it["role"] == "tool") {
            text(&result["content"]);
            assert!(open.remove(result["tool_call_id"].as_str().unwrap()));
        }
        assert!(open.is_empty(), "calls without results");
        is_users_turn = calls.is_empty();
    }
    let last = list(body, "messages").last().unwrap();
    assert_ne!(last["role"], "assistant");
}

/// Anthropic: roles alternate; no blank texts; exactly one `tool_result` per `tool_use` in the next
/// message.
fn anthropic(body: &Value) {
    if let Some(system) = body.get("system") {
        text(system);
    }
    let mut ids = HashSet::new();
    let mut open: Vec<&str> = Vec::new();
    for (place, message) in list(body, "messages").iter().enumerate() {
        let role = if place % 2 == 0 { "user" } else { "assistant" };
        assert_eq!(message["role"], role);
        let mut answered = Vec::new();
        let mut called = Vec::new();
        if message["content"].is_string() {
            text(&message["content"]);
        } else {
            assert!(!list(message, "content").is_empty());
        }
        for block in list(message, "content") {
            match (role, block["type"].as_str().unwrap()) {
                (_, "text") => drop(text(&block["text"])),
                ("user", "tool_result") => {
                    text(&block["content"]);
                    answered.push(block["tool_use_id"].as_str().unwrap());
                }
                ("assistant", "thinking") => {
                    assert!(called.is_empty());
                    assert!(block["thinking"].is_string() && block["signature"].is_string());
                }
                ("assistant", "redacted_thinking") => {
                    assert!(called.is_empty() && block["data"].is_string());
                }
                ("assistant", "tool_use") => {
                    let id = block["id"].as_str().unwrap();
                    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    assert!(!id.is_empty() && id.chars().all(is_word), "{id}");
                    assert!(ids.insert(id), "{id} twice");
                    name(&block["name"]);
                    assert!(block["input"].is_object());
                    called.push(id);
                }
                other => panic!("{other:?}"),
            }
        }
        answered.sort_unstable();
        open.sort_unstable();
        assert_eq!(answered, open);
        open = called;
    }
    assert_eq!(list(body, "messages").len() % 2, 1, "the user speaks last");
}

/// Gemini: roles alternate; turns have parts; one response per call in the next turn; function
/// names begin with a letter or underscore.
fn gemini(body: &Value) {
    if let Some(system) = body.get("systemInstruction") {
        text(&system["parts"][0]["text"]);
    }
    let mut open: Vec<&Value> = Vec::new();
    for (place, content) in list(body, "contents").iter().enumerate() {
        let role = if place % 2 == 0 { "user" } else { "model" };
        assert_eq!(content["role"], role);
        assert!(!list(content, "parts").is_empty());
        let mut called = Vec::new();
        let mut answered = Vec::new();
        for part in list(content, "parts") {
            if let Some(signature) = part.get("thoughtSignature") {
                assert_eq!(signature, "c2lnbmVk");
            }
            if let Some(call) = part.get("functionCall") {
                assert_eq!(role, "model");
                name(&call["name"]);
                let first = call["name"].as_str().unwrap().chars().next().unwrap();
                assert!(first.is_ascii_alphabetic() || first == '_', "{call}");
                assert!(call["args"].is_object(), "{call}");
                called.push(&call["name"]);
            } else if let Some(response) = part.get("functionResponse") {
                assert_eq!(role, "user");
                assert!(response["response"].is_object());
                answered.push(&response["name"]);
            } else {
                text(&part["text"]);
            }
        }
        let names = |values: &[&Value]| {
            let mut names: Vec<_> = values.iter().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&answered), names(&open));
        open = called;
    }
    assert_eq!(list(body, "contents").len() % 2, 1, "the user speaks last");
}

#[tokio::test]
async fn openai_takes_whatever_was_said() {
    holds_for(ProviderKind::OpenAi, openai).await;
}

#[tokio::test]
async fn ollama_takes_whatever_was_said() {
    holds_for(ProviderKind::Ollama, openai).await;
}

#[tokio::test]
async fn mistral_takes_whatever_was_said() {
    holds_for(ProviderKind::Mistral, mistral).await;
}

#[tokio::test]
async fn anthropic_takes_whatever_was_said() {
    holds_for(ProviderKind::Anthropic, anthropic).await;
}

#[tokio::test]
async fn gemini_takes_whatever_was_said() {
    holds_for(ProviderKind::Gemini, gemini).await;
}
