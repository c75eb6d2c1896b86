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
    /// Always `about:blank`; see `code`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Reason phrase of the status.
    title: &'static str,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Description of the problem.
    detail: &'a str,
    /// Stable code of the problem.
    #[schema(schema_with = codes)]
    code: &'static str,
    /// Whether the caller can fix it (`functional`) or not (`technical`).
    #[schema(schema_with = categories)]
    category: &'static str,
    /// Same as `detail`.
    message: &'a str,
    /// ID of the request in the service's logs; same as the header `x-request-id`.
    request_id: &'a str,
    /// Invalid fields, if any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldProblem<'a>>,
    /// The run: the failed one, whose message is stored, or the one that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    run_id: Option<Uuid>,
    /// Thread of that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid, required = false)]
    thread_id: Option<Uuid>,
}

/// An invalid field.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FieldProblem<'a> {
    /// Path, such as `configuration.tags[2]`; empty for the whole body.
    field: &'a str,
    /// Stable code of the broken rule.
    code: &'static str,
    /// Description of the broken rule.
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
        .description(Some("Stable code of the problem."))
}

fn categories() -> ObjectBuilder {
    schema::one_of(["functional", "technical"]).description(Some(
        "Whether the caller can fix it (`functional`) or not (`technical`).",
    ))
}
