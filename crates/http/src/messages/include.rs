//! Query of the message list.

use colloquy_application::ports::MessageScope;
use colloquy_domain::Violation;
use colloquy_web::input::{Fields, Input, Kind, choice, text};
use colloquy_web::paging::Keyset;
use colloquy_web::schema;

use crate::cursor::Cursor;

/// Query parameters of the message list.
pub(super) struct MessageQuery {
    pub(super) keyset: Keyset<Cursor>,
    pub(super) order: Order,
    pub(super) scope: MessageScope,
    /// Whether to include reasoning.
    pub(super) with_reasoning: bool,
}

/// The sort orders.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Order {
    #[default]
    OldestFirst,
    NewestFirst,
}

impl Order {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "asc" => Some(Self::OldestFirst),
            "desc" => Some(Self::NewestFirst),
            _ => None,
        }
    }
}

/// What to include besides messages of users and assistants.
#[derive(Default)]
struct Include {
    tools: bool,
    reasoning: bool,
}

impl Input for MessageQuery {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let include = fields.optional("include", including()).unwrap_or_default();
        let order = choice(Order::from_name, || vec!["asc", "desc"])
            .default_is("asc")
            .describe("With `asc` the oldest message is first, with `desc` the newest.");
        let order = fields.optional("order", order);
        Some(Self {
            keyset: Keyset::read(fields)?,
            order: order.unwrap_or_default(),
            scope: match include.tools {
                true => MessageScope::WithTools,
                false => MessageScope::Conversation,
            },
            with_reasoning: include.reasoning,
        })
    }
}

fn including() -> impl Kind<Value = Include> {
    let schema = || schema::one_of(["tools", "reasoning", "tools,reasoning"]);
    text(|text| include(&text), schema).describe(
        "`tools` adds messages with tool results; `reasoning` adds the assistant's reasoning to its messages.",
    )
}

fn include(text: &str) -> Result<Include, Violation> {
    let mut include = Include::default();
    for part in text.split(',') {
        match part.trim() {
            "tools" => include.tools = true,
            "reasoning" => include.reasoning = true,
            _ => {
                let sentence = "must be `tools`, `reasoning`, or both separated by a comma";
                return Err(Violation::new("unknown_value", sentence));
            }
        }
    }
    Ok(include)
}
