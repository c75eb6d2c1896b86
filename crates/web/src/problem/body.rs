//! The body of a problem, and its schema.

use colloquy_domain::FieldError;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;
use uuid::Uuid;

use super::{Problem, ProblemCode};
use crate::schema;

/// Problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// Always `about:blank`: `code` tells the problems apart.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, for people.
    detail: &'a str,
    /// What is wrong, for programs.
    #[schema(schema_with = codes)]
    code: &'static str,
    /// Whether the caller can do something about it (`functional`) or not (`technical`).
    #[schema(schema_with = categories)]
    category: &'static str,
    /// The same as `detail`.
    message: &'a str,
    /// Names the request in the service's logs; the same as the header `x-request-id`.
    request_id: &'a str,
    /// What is wrong with each field, when fields are what is wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem<'a>>,
    /// The run that failed; the message that began it is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    run_id: Option<Uuid>,
    /// The thread of that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    thread_id: Option<Uuid>,
}

/// What is wrong with one field.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldProblem<'a> {
    /// The field's path, such as `configuration.tags[2]`; empty for the body as a whole.
    field: &'a str,
    /// The rule that it breaks, for programs.
    code: &'static str,
    /// The rule that it breaks, for people.
    message: &'a str,
}

impl<'a> ProblemBody<'a> {
    pub(super) fn new(problem: &'a Problem, request_id: &'a str) -> Self {
        let status = problem.code.status();
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail: &problem.detail,
            code: problem.code.as_str(),
            category: problem.code.category(),
            message: &problem.detail,
            request_id,
            errors: problem.errors.iter().map(FieldProblem::from).collect(),
            run_id: problem.run.as_ref().map(|run| run.id),
            thread_id: problem.run.as_ref().map(|run| run.thread_id),
        }
    }
}

impl<'a> From<&'a FieldError> for FieldProblem<'a> {
    fn from(error: &'a FieldError) -> Self {
        Self {
            field: &error.field,
            code: error.code,
            message: &error.message,
        }
    }
}

fn codes() -> ObjectBuilder {
    schema::one_of(ProblemCode::ALL.iter().map(|code| code.as_str()))
        .description(Some("What is wrong, for programs."))
}

fn categories() -> ObjectBuilder {
    schema::one_of(["functional", "technical"]).description(Some(
        "Whether the caller can do something about it (`functional`) or not (`technical`).",
    ))
}
