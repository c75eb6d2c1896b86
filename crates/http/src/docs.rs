//! Serves the OpenAPI document and a page that renders it without other hosts.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, OnceLock};

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use colloquy_web::input::{Fields, Input, Query, WithoutQuery, choice};
use colloquy_web::problem::Problem;
use colloquy_web::static_file::StaticFile;
use utoipa_swagger_ui::Config;

use crate::document::{DocumentVersion, openapi_json};
use crate::state::App;

const PAGE: &[u8] = include_bytes!("docs/index.html");
const START: &[u8] = include_bytes!("docs/start.js");
/// The parts of Swagger UI that the page uses.
const ASSETS: [&str; 2] = ["swagger-ui.css", "swagger-ui-bundle.js"];
/// Swagger UI needs inline styles and data images.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);

/// `/openapi.json` and `/docs`.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/openapi.json", get(document))
        .route("/docs", get(page))
        .route("/docs/{asset}", get(asset))
}

/// Registers those without query parameters.
pub(crate) fn note_queries(without_query: &mut WithoutQuery) {
    for path in ["/docs", "/docs/{asset}"] {
        without_query.add_method(path, Method::GET);
    }
}

impl Input for DocumentVersion {
    type Value = Self;

    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let version = choice(Self::from_name, || vec!["3.1", "3.2"]);
        Some(fields.optional("version", version).unwrap_or_default())
    }
}

/// Each version is generated on first use.
async fn document(
    Query(version): Query<DocumentVersion>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    static WRITTEN: [OnceLock<StaticFile>; 2] = [const { OnceLock::new() }; 2];
    let written = &WRITTEN[usize::from(version == DocumentVersion::V3_2)];
    if let Some(file) = written.get() {
        return Ok(file.response(&headers));
    }
    let json = openapi_json(version).map_err(Problem::internal)?;
    let file = StaticFile::text("application/json", json);
    Ok(written.get_or_init(|| file).response(&headers))
}

async fn page(headers: HeaderMap) -> Response {
    static FILE: LazyLock<StaticFile> =
        LazyLock::new(|| StaticFile::text("text/html; charset=utf-8", Bytes::from_static(PAGE)));
    ([(CONTENT_SECURITY_POLICY, POLICY)], FILE.response(&headers)).into_response()
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let file = FILES.get(name.as_str()).ok_or_else(Problem::not_found)?;
    Ok(file.response(&headers))
}

/// Files of the page by name, in memory once.
static FILES: LazyLock<HashMap<&str, StaticFile>> = LazyLock::new(|| {
    let script = Bytes::from_static(START);
    let start = StaticFile::text("text/javascript; charset=utf-8", script);
    let assets = ASSETS
        .iter()
        .filter_map(|name| Some((*name, vendored(name)?)));
    assets.chain([("start.js", start)]).collect()
});

/// A file of Swagger UI.
fn vendored(name: &str) -> Option<StaticFile> {
    let file = utoipa_swagger_ui::serve(name, Arc::new(Config::default())).ok()??;
    let bytes = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    let content_type = HeaderValue::from_str(&file.content_type).ok()?;
    file.gzpipped
        .then(|| StaticFile::compressed(content_type, bytes))
}
