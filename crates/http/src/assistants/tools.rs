//! The tools and the output schema of an assistant, on the wire.

use colloquy_application::assistants::BudgetChanges;
use colloquy_domain::{
    ModelCallLimit, OutputSchema, RunTokenLimit, ToolCallLimit, ToolConcurrency, ToolRef,
    ToolRounds,
};
use colloquy_web::input::{Fields, Place, list, text, whole_number};
use colloquy_web::schema::{self, BodySchema};
use serde_json::Value;
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder};

/// What may be said of them when an assistant is made or changed.
pub(super) struct ToolFields {
    pub(super) tools: Option<Vec<ToolRef>>,
    pub(super) tool_max_concurrency: Option<ToolConcurrency>,
    pub(super) max_tool_rounds: Option<ToolRounds>,
    pub(super) budget: BudgetChanges,
    pub(super) output_schema: Option<Option<OutputSchema>>,
}

impl ToolFields {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let tool = text(|name| ToolRef::parse(&name));
        Self {
            tools: fields.optional("tools", list(ToolRef::MAX_PER_ASSISTANT, tool)),
            tool_max_concurrency: fields
                .optional("tool_max_concurrency", whole_number(ToolConcurrency::new)),
            max_tool_rounds: fields.optional("max_tool_rounds", whole_number(ToolRounds::new)),
            budget: BudgetChanges {
                max_model_calls: fields
                    .nullable("max_model_calls", whole_number(ModelCallLimit::new)),
                max_tool_calls: fields.nullable("max_tool_calls", whole_number(ToolCallLimit::new)),
                max_run_tokens: fields.nullable("max_run_tokens", whole_number(RunTokenLimit::new)),
            },
            output_schema: fields.nullable("output_schema", output_schema),
        }
    }

    pub(super) fn schema(body: BodySchema) -> BodySchema {
        let name = schema::string().pattern(Some("^(assistant:)?[a-zA-Z0-9_-]{1,64}$"));
        let tools = ArrayBuilder::new()
            .items(name)
            .max_items(Some(ToolRef::MAX_PER_ASSISTANT))
            .description(Some(
                "What the model may use: names of registered tools, or `assistant:<slug>` for \
                 another assistant, which the model sees as a tool of its slug's name.",
            ));
        let output_schema = ObjectBuilder::new().description(Some(
            "A JSON Schema that the answers keep to; they are JSON values then.",
        ));
        body.optional("tools", tools)
            .optional("tool_max_concurrency", schema::up_to(ToolConcurrency::MAX))
            .optional("max_tool_rounds", schema::up_to(ToolRounds::MAX))
            .optional(
                "max_model_calls",
                schema::nullable(schema::up_to(ModelCallLimit::MAX)),
            )
            .optional(
                "max_tool_calls",
                schema::nullable(schema::up_to(ToolCallLimit::MAX)),
            )
            .optional(
                "max_run_tokens",
                schema::nullable(schema::up_to(RunTokenLimit::MAX)),
            )
            .optional("output_schema", schema::nullable(output_schema))
    }
}

fn output_schema(value: Value, place: &mut Place<'_>) -> Option<OutputSchema> {
    place.accept(OutputSchema::new(value))
}
