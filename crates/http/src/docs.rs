//! The document as JSON, and a page that renders it without asking any other host.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa_swagger_ui::Config;

use crate::openapi::openapi;
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

/// Written when it is asked for the first time.
async fn document() -> Result<Response, Problem> {
    static WRITTEN: OnceLock<Bytes> = OnceLock::new();
    if let Some(json) = WRITTEN.get() {
        return Ok(typed("application/json", json.clone()));
    }
    let json = openapi().to_pretty_json().map_err(Problem::internal)?;
    let json = WRITTEN.get_or_init(|| json.into()).clone();
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
