//! Builds the OpenAPI document. Handlers document themselves; what all have in common is added
//! here.

use axum::http::StatusCode;
use colloquy_web::problem::{PROBLEM_JSON, ProblemBody};
use colloquy_web::request_id::X_REQUEST_ID;
use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, Info, License, ObjectBuilder, OpenApi, OpenApiBuilder,
    OpenApiVersion, Ref, RefOr, Response, ResponseBuilder, Schema,
};

use crate::links;
use crate::runs::RunEventFrame;

const TAGS: [(&str, &str); 11] = [
    ("auth", "Signing in and out"),
    ("users", "Accounts"),
    ("tokens", "API keys"),
    ("assistants", "Assistants"),
    ("models", "Models"),
    ("tools", "Tools"),
    ("threads", "Threads"),
    ("messages", "Messages"),
    ("runs", "Runs"),
    ("files", "Files"),
    ("health", "Health checks"),
];

/// The document without routes.
pub(crate) fn frame() -> OpenApi {
    let mut license = License::new("MIT OR Apache-2.0");
    license.identifier = Some("MIT OR Apache-2.0".to_owned());
    let mut info = Info::new("Colloquy", env!("CARGO_PKG_VERSION"));
    info.description = Some("Self-hosted assistants.".to_owned());
    info.license = Some(license);
    let tags = TAGS.map(|(name, description)| {
        TagBuilder::new()
            .name(name)
            .description(Some(description))
            .build()
    });
    OpenApiBuilder::new()
        .openapi(OpenApiVersion::Version32)
        .info(info)
        .tags(Some(tags))
        .components(Some(components()))
        .build()
}

fn components() -> Components {
    let mut components = Components::new();
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A session token or API key."))
        .build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    // Not collected from the routes: problems are added later, and event schemas are not followed.
    let mut schemas = Vec::new();
    collect::<ProblemBody<'_>>(&mut schemas);
    collect::<RunEventFrame>(&mut schemas);
    components.schemas.extend(schemas);
    components
}

fn collect<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

/// Adds to every operation what its kind implies.
pub(crate) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        tell_apart(item);
        for operation in operations(item) {
            links::add(operation);
            name_an_assistant(operation);
            for (status, description) in common_problems(operation) {
                operation
                    .responses
                    .responses
                    .entry(status.as_str().to_owned())
                    .or_insert_with(|| ResponseBuilder::new().description(description).into());
            }
            for (status, response) in &mut operation.responses.responses {
                if let RefOr::T(response) = response {
                    describe(status, response);
                }
            }
        }
    }
}

/// Prefills the demo assistant for trying out.
fn name_an_assistant(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.name == "assistant_id"
            && parameter.parameter_in == ParameterIn::Path
        {
            let named = ParameterBuilder::from(std::mem::take(parameter));
            *parameter = named.example(Some("demo".into())).build();
        }
    }
}

/// `PUT` equals `PATCH`, but operation IDs must be unique.
fn tell_apart(item: &mut PathItem) {
    if let Some(id) = item.put.as_mut().and_then(|put| put.operation_id.as_mut()) {
        id.push_str("_by_put");
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

fn common_problems(operation: &Operation) -> Vec<(StatusCode, &'static str)> {
    let parameters = operation.parameters.iter().flatten();
    let has_parameter = |place: ParameterIn| {
        parameters.clone().any(
            |parameter| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == place),
        )
    };
    let has_body = operation.request_body.is_some();
    let mut tags = operation.tags.iter().flatten();
    let uses_the_store = tags.all(|tag| tag != "health");
    [
        (
            has_body,
            StatusCode::BAD_REQUEST,
            "The body is not valid JSON, or incomplete",
        ),
        (
            operation.security.is_some(),
            StatusCode::UNAUTHORIZED,
            "The token is missing or invalid",
        ),
        (
            has_parameter(ParameterIn::Path),
            StatusCode::NOT_FOUND,
            "Absent, or hidden from the caller",
        ),
        (
            has_body,
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is too large",
        ),
        (
            has_body,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The body has an unsupported media type",
        ),
        (
            true,
            StatusCode::UNPROCESSABLE_ENTITY,
            "Fields or parameters are invalid or unknown; `errors` names them",
        ),
        (true, StatusCode::INTERNAL_SERVER_ERROR, "Internal error"),
        (
            uses_the_store,
            StatusCode::SERVICE_UNAVAILABLE,
            "A dependency is unavailable, or the service is stopping",
        ),
    ]
    .into_iter()
    .filter_map(|(applies, status, description)| applies.then_some((status, description)))
    .collect()
}

/// Adds the headers and problem schema of the status.
fn describe(status: &str, response: &mut Response) {
    let mut header = |name: &str, kind: Type, description: &str| {
        let header = HeaderBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(kind)))
            .description(Some(description))
            .build();
        response.headers.insert(name.to_owned(), header.into());
    };
    header(
        X_REQUEST_ID.as_str(),
        Type::String,
        "ID of the request in the service's logs; the client's own if it sent a valid one",
    );
    match status {
        "401" => header("www-authenticate", Type::String, "Always `Bearer`"),
        "429" | "503" => header("retry-after", Type::Integer, "Seconds to wait"),
        _ => {}
    }
    if status >= "400" && response.content.is_empty() {
        let problem = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(ProblemBody::name())))
            .build();
        response
            .content
            .insert(PROBLEM_JSON.to_owned(), problem.into());
    }
}
