//! `GET /files/{id}/content`.

use std::ops::Range;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, VARY,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use colloquy_application::files::{FileContent, Files};
use colloquy_application::ports::{BlobStream, PortError};
use colloquy_domain::{File, FileId};
use colloquy_web::byte_range::{ByteRange, Selected};
use colloquy_web::etag::IfNoneMatch;
use colloquy_web::path::Ids;
use colloquy_web::problem::{Problem, ProblemCode};
use colloquy_web::sign_in::SignedIn;
use futures_util::TryStreamExt as _;
use tracing::Span;

use super::disposition::attachment;
use super::view::Content;

/// To be revalidated on each use: rights may have changed.
const CACHING: &str = "private, no-cache";
/// If opened as a page, it can load and run nothing.
const POLICY: &str = "default-src 'none'; sandbox";

/// Download a file, or a part of it. Always as an attachment of no particular type.
#[utoipa::path(
    get,
    path = "/files/{file_id}/content",
    tag = "files",
    security(("bearer" = [])),
    params(
        ("file_id" = uuid::Uuid, Path),
        ("Range" = Option<String>, Header, description = "A single range of bytes; others are ignored"),
        ("If-Range" = Option<String>, Header, description = "`ETag` for which `Range` counts"),
        ("If-None-Match" = Option<String>, Header, description = "`ETag` of the cached copy"),
    ),
    responses(
        (status = 200, description = "The bytes", content((Content = "application/octet-stream")), headers(
            ("ETag" = String, description = "Identifies the bytes"),
            ("Content-Disposition" = String, description = "The name of the file"),
        )),
        (status = 206, description = "The part asked for", content((Content = "application/octet-stream")), headers(
            ("ETag" = String, description = "Identifies the bytes"),
            ("Content-Range" = String, description = "Which part"),
        )),
        (status = 304, description = "Not modified", headers(
            ("ETag" = String, description = "Identifies the bytes"),
        )),
        (status = 416, description = "The file has no byte in the range"),
    ),
)]
pub(crate) async fn get_file_content(
    caller: SignedIn,
    State(files): State<Arc<Files>>,
    Ids(id): Ids<FileId>,
    at_hand: IfNoneMatch,
    range: ByteRange,
) -> Result<Response, Problem> {
    let content = files.content(&caller.actor, id).await?;
    let tag = format!("\"{}\"", content.file().sha256);
    if at_hand.names(&tag) {
        return Ok((StatusCode::NOT_MODIFIED, validity(&tag)).into_response());
    }
    let length = content.file().bytes;
    match range.select(length, &tag) {
        Selected::Whole => whole(&content, &tag).await,
        Selected::Part(part) => partial(&content, &tag, part).await,
        Selected::Nothing => {
            let detail = "The file has no byte in this range.";
            let problem = Problem::new(ProblemCode::RangeNotSatisfiable, detail);
            let extent = [(CONTENT_RANGE, format!("bytes */{length}"))];
            Ok((extent, problem).into_response())
        }
    }
}

async fn whole(content: &FileContent, tag: &str) -> Result<Response, Problem> {
    let bytes = content.read(None).await?;
    let length = [(CONTENT_LENGTH, content.file().bytes)];
    let shape = shape(content.file());
    Ok((validity(tag), shape, length, body(bytes)).into_response())
}

async fn partial(content: &FileContent, tag: &str, part: Range<u64>) -> Result<Response, Problem> {
    let bytes = content.read(Some(part.clone())).await?;
    let (first, last, all) = (part.start, part.end - 1, content.file().bytes);
    let extent = [
        (CONTENT_LENGTH, (part.end - part.start).to_string()),
        (CONTENT_RANGE, format!("bytes {first}-{last}/{all}")),
    ];
    let (status, shape) = (StatusCode::PARTIAL_CONTENT, shape(content.file()));
    Ok((status, validity(tag), shape, extent, body(bytes)).into_response())
}

fn validity(tag: &str) -> [(HeaderName, String); 3] {
    [
        (ETAG, tag),
        (CACHE_CONTROL, CACHING),
        (VARY, "authorization"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
}

fn shape(file: &File) -> [(HeaderName, HeaderValue); 4] {
    [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("application/octet-stream"),
        ),
        (CONTENT_DISPOSITION, attachment(&file.name)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (ACCEPT_RANGES, HeaderValue::from_static("bytes")),
    ]
}

/// Read as it is taken. Its length is not announced here, since that would be accounted for as if it
/// were held in memory.
fn body(bytes: BlobStream) -> Body {
    let span = Span::current();
    Body::from_stream(bytes.inspect_err(move |error: &PortError| {
        let error = error as &dyn std::error::Error;
        span.in_scope(|| tracing::error!(error, "download cut"));
    }))
}
