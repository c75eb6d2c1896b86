//! Conversations that providers would reject unconverted.

use super::{ChatMessage, ProviderKind, ToolCall, ToolResult, Turn, turns};

fn user(text: &str) -> ChatMessage {
    ChatMessage::User(text.to_owned())
}

fn assistant(text: &str, calls: &[(&str, &str, &str)]) -> ChatMessage {
    let calls = calls.iter().map(|(id, name, arguments)| ToolCall {
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        arguments: (*arguments).to_owned(),
        signature: None,
    });
    ChatMessage::Assistant {
        text: text.to_owned(),
        tool_calls: calls.collect(),
    }
}

fn result(id: &str, content: &str) -> ChatMessage {
    ChatMessage::Tool(ToolResult {
        call_id: id.to_owned(),
        name: "x".to_owned(),
        content: content.to_owned(),
        is_error: false,
    })
}

/// One line per turn.
fn lines(messages: &[ChatMessage], kind: ProviderKind) -> Vec<String> {
    let turns = turns(messages, kind);
    let turns = turns.iter().map(|turn| match turn {
        Turn::User(text) => format!("user: {text}"),
        Turn::Assistant { text, calls } => {
            let calls = calls
                .iter()
                .map(|call| format!("{}={}({})", call.id, call.name, call.arguments));
            let calls: Vec<_> = calls.collect();
            format!("assistant: {} {calls:?}", text.as_deref().unwrap_or("-"))
        }
        Turn::Tools(outcomes) => {
            let outcomes = outcomes.iter();
            let outcomes = outcomes.map(|it| format!("{}={}:{}", it.id, it.name, it.content));
            format!("tools: {:?}", outcomes.collect::<Vec<_>>())
        }
    });
    turns.collect()
}

#[test]
fn blank_answers_are_dropped() {
    let messages = [
        user("a"),
        assistant("\n\n", &[]),
        user("b\0"),
        assistant(" ", &[]),
    ];
    assert_eq!(
        lines(&messages, ProviderKind::OpenAi),
        ["user: a\n\nb\u{FFFD}"]
    );
    let messages = [assistant("hi", &[]), assistant("there", &[])];
    assert_eq!(
        lines(&messages, ProviderKind::OpenAi),
        [
            "user: (no text)",
            "assistant: hi\n\nthere []",
            "user: (no text)"
        ]
    );
}

#[test]
fn calls_and_outcomes_are_paired() {
    let messages = [
        user("a"),
        result("nobody", "lost"),
        assistant(
            "\n",
            &[
                ("1", "add", "{\"a\":1}"),
                ("1", "", "{\"a\":"),
                ("", "a b", "[]"),
            ],
        ),
        result("1", "one"),
        result("1", " "),
        user("b"),
    ];
    assert_eq!(
        lines(&messages, ProviderKind::Anthropic),
        [
            "user: a",
            r#"assistant: - ["1=add({\"a\":1})", "call00001=unknown_tool({})", "call00002=a_b({})"]"#,
            r#"tools: ["1=add:one", "call00001=unknown_tool:(no result)", "call00002=a_b:(no result)"]"#,
            "assistant: (no answer) []",
            "user: b",
        ]
    );
}

#[test]
fn the_model_is_told_of_the_limit_of_calls() {
    for (count, expected) in [(127, false), (128, true)] {
        let ids: Vec<_> = (0..count).map(|id| id.to_string()).collect();
        let calls: Vec<_> = ids.iter().map(|id| (id.as_str(), "add", "{}")).collect();
        let mut messages = vec![user("a"), assistant("", &calls)];
        messages.extend(ids.iter().map(|id| result(id, "one")));
        let lines = lines(&messages, ProviderKind::OpenAi);
        assert_eq!(lines[2].contains("at most 128"), expected, "{count}");
    }
}

#[test]
fn ids_and_names_fit_the_provider() {
    let long = "x".repeat(41);
    let name = format!("9{}", "ü".repeat(70));
    let messages = [
        user("a"),
        assistant("", &[("functions.add:0", "2fa", ""), (&long, &name, "{}")]),
    ];
    let names = format!("9{}", "_".repeat(62));
    for (kind, ids, first) in [
        (ProviderKind::OpenAi, ["functions.add:0", "call00001"], ""),
        (ProviderKind::Mistral, ["call00000", "call00001"], ""),
        (ProviderKind::Anthropic, ["call00000", &long], ""),
        (ProviderKind::Gemini, ["call00000", &long], "_"),
    ] {
        let calls = format!(
            "assistant: - {:?}",
            [
                format!("{}={first}2fa({{}})", ids[0]),
                format!("{}={first}{names}({{}})", ids[1]),
            ]
        );
        assert_eq!(lines(&messages, kind)[1], calls, "{kind:?}");
    }
}
