//! Files that do not change while the process runs.

use std::hash::{DefaultHasher, Hasher as _};

use axum::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;

use crate::compression::{accepts_gzip, gzipped};
use crate::etag::IfNoneMatch;
use crate::serve::SharedBytes;

const REVALIDATE: [(HeaderName, HeaderValue); 2] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    (VARY, HeaderValue::from_static("accept-encoding")),
];

/// A file in memory, compressed once and shared by all responses.
pub struct StaticFile {
    content_type: HeaderValue,
    plain: Option<Encoded>,
    gzipped: Option<Encoded>,
}

struct Encoded {
    bytes: Bytes,
    etag: String,
}

impl Encoded {
    fn new(bytes: Bytes) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let etag = format!("\"{:016x}\"", hasher.finish());
        Self { bytes, etag }
    }
}

impl StaticFile {
    /// A text file.
    #[must_use]
    pub fn text(content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let smaller = gzipped(&bytes).filter(|it| it.len() < bytes.len());
        Self {
            content_type: HeaderValue::from_static(content_type),
            gzipped: smaller.map(Encoded::new),
            plain: Some(Encoded::new(bytes)),
        }
    }

    /// A file stored only compressed.
    #[must_use]
    pub fn compressed(content_type: HeaderValue, bytes: impl Into<Bytes>) -> Self {
        Self {
            content_type,
            plain: None,
            gzipped: Some(Encoded::new(bytes.into())),
        }
    }

    /// Response to a request with these headers.
    #[must_use]
    pub fn response(&self, request: &HeaderMap) -> Response {
        let gzipped = self.gzipped.as_ref();
        let gzipped = gzipped.filter(|_| self.plain.is_none() || accepts_gzip(request));
        let Some(file) = gzipped.or(self.plain.as_ref()) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let validity = ([(ETAG, file.etag.as_str())], REVALIDATE);
        if IfNoneMatch::from_headers(request).names(&file.etag) {
            return (StatusCode::NOT_MODIFIED, validity).into_response();
        }
        let kind = [(CONTENT_TYPE, self.content_type.clone())];
        let encoding = gzipped.map(|_| [(CONTENT_ENCODING, "gzip")]);
        let mut response = (encoding, kind, validity, file.bytes.clone()).into_response();
        response.extensions_mut().insert(SharedBytes);
        response
    }
}
