//! The document as JSON, and a page that renders it without asking any other host.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

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
pub(crate) fn routes(document: &OpenApi) -> Router<App> {
    let json = document.to_pretty_json().map(Bytes::from).map_err(Arc::new);
    Router::new()
        .route(
            "/openapi.json",
            get(move || async move {
                match json {
                    Ok(json) => Ok(typed("application/json", json)),
                    Err(error) => Err(Problem::internal(error)),
                }
            }),
        )
        .route("/docs", get(page))
        .route("/docs/{asset}", get(asset))
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
