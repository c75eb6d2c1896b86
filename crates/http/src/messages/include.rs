use colloquy_application::ports::MessageScope;
use colloquy_domain::Violation;
use utoipa::openapi::path::Parameter;

use crate::input::{Fields, Input, Parameters, text};
use crate::paging::Keyset;
use crate::schema;

/// Which stretch of a thread's messages is asked for.
pub(super) struct MessageQuery {
    pub(super) keyset: Keyset,
    pub(super) scope: MessageScope,
}

impl Input for MessageQuery {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let include = fields.optional("include", text(|text| include(&text)));
        Some(Self {
            keyset: Keyset::read(fields)?,
            scope: include.unwrap_or(MessageScope::Conversation),
        })
    }
}

impl Parameters for MessageQuery {
    fn parameters() -> Vec<Parameter> {
        let mut parameters = Keyset::parameters();
        parameters.push(schema::query_parameter(
            "include",
            schema::one_of(["tools"]),
            "With `tools` also the messages in which tools answer the assistant.",
        ));
        parameters
    }
}

fn include(text: &str) -> Result<MessageScope, Violation> {
    match text {
        "tools" => Ok(MessageScope::WithTools),
        _ => Err(Violation::new("unknown_value", "must be `tools`")),
    }
}
