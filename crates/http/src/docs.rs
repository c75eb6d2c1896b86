//! The document as JSON, and a page that renders it without asking any other host.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa_swagger_ui::Config;

use crate::input::{Fields, Input, Query, WithoutQuery, choice};
use crate::openapi::{DocumentVersion, openapi_json};
use crate::problem::Problem;
use crate::state::App;

const PAGE: &str = include_str!("docs/index.html");
const START: &str = include_str!("docs/start.js");
/// The only parts of Swagger UI that the page uses.
const ASSETS: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];
/// Swagger UI styles elements and draws small pictures of its own.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
const REVALIDATE: (HeaderName, HeaderValue) = (CACHE_CONTROL, HeaderValue::from_static("no-cache"));

/// `/openapi.json` and `/docs`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(document))
        .route("/docs", get(page))
        .route("/docs/{asset}", get(asset))
}

/// Notes which of them take no query string.
pub(crate) fn note_queries(without_query: &mut WithoutQuery) {
    for path in ["/docs", "/docs/{asset}"] {
        without_query.add_method(path, Method::GET);
    }
}

impl Input for DocumentVersion {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let version = choice(Self::from_name, "3.1 or 3.2");
        Some(fields.optional("version", version).unwrap_or_default())
    }
}

/// Each version is written when it is asked for the first time.
async fn document(Query(version): Query<DocumentVersion>) -> Result<Response, Problem> {
    static WRITTEN: [OnceLock<Bytes>; 2] = [const { OnceLock::new() }; 2];
    let written = &WRITTEN[usize::from(version == DocumentVersion::V3_2)];
    if let Some(json) = written.get() {
        return Ok(typed("application/json", json.clone()));
    }
    let json = openapi_json(version).map_err(Problem::internal)?;
    let json = written.get_or_init(|| json.into()).clone();
    Ok(typed("application/json", json))
}

async fn page() -> Response {
    let page = typed(
        "text/html; charset=utf-8",
        Bytes::from_static(PAGE.as_bytes()),
    );
    ([(CONTENT_SECURITY_POLICY, POLICY)], page).into_response()
}

async fn asset(Path(name): Path<String>) -> Result<Response, Problem> {
    if name == "start.js" {
        let script = Bytes::from_static(START.as_bytes());
        return Ok(typed("text/javascript; charset=utf-8", script));
    }
    if !ASSETS.contains(&name.as_str()) {
        return Err(Problem::not_found());
    }
    let file = utoipa_swagger_ui::serve(&name, Arc::new(Config::default()))
        .ok()
        .flatten()
        .ok_or_else(Problem::not_found)?;
    let encoding = file
        .gzpipped
        .then_some([(CONTENT_ENCODING, HeaderValue::from_static("gzip"))]);
    let file = typed(&file.content_type, Bytes::from(file.bytes.into_owned()));
    Ok((encoding, file).into_response())
}

fn typed(content_type: &str, body: Bytes) -> Response {
    ([(CONTENT_TYPE, content_type)], [REVALIDATE], body).into_response()
}
