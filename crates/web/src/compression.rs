//! Compresses marked responses for clients that accept gzip.

use std::io::Write as _;

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt as _;
use tower::layer::layer_fn;
use tower::{Layer, service_fn};

use crate::headers::quality;
use crate::http_service::HttpService;

/// Marks a response as compressible: no secret next to text chosen by others.
#[derive(Debug, Clone, Copy)]
pub struct Compressible;

const MIN_BYTES: u64 = 1024;
/// Larger bodies are compressed on a blocking thread.
const MAX_INLINE_BYTES: usize = 64 * 1024;

pub(crate) fn layer<S: HttpService>() -> impl Layer<S, Service = impl HttpService> + Clone {
    layer_fn(|mut inner: S| {
        service_fn(move |request: Request| {
            let accepts = accepts_gzip(request.headers());
            let response = inner.call(request);
            async move {
                let mut response = response.await?;
                if response.extensions_mut().remove::<Compressible>().is_some() {
                    response
                        .headers_mut()
                        .append(VARY, HeaderValue::from_static("accept-encoding"));
                    if accepts {
                        response = compressed(response).await;
                    }
                }
                Ok(response)
            }
        })
    })
}

/// Whether the client accepts gzip.
#[must_use]
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    quality(headers.get_all(ACCEPT_ENCODING), &["gzip", "*"]) > 0.0
}

async fn compressed(response: Response) -> Response {
    let size = response.body().size_hint().exact();
    if size.is_none_or(|size| size < MIN_BYTES) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return Response::from_parts(parts, Body::empty());
    };
    let plain = body.to_bytes();
    let Some(bytes) = gzip(plain.clone()).await else {
        return Response::from_parts(parts, plain.into());
    };
    parts.headers.remove(CONTENT_LENGTH);
    parts
        .headers
        .insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, bytes.into())
}

async fn gzip(plain: Bytes) -> Option<Bytes> {
    if plain.len() <= MAX_INLINE_BYTES {
        return gzipped(&plain);
    }
    let compressed = tokio::task::spawn_blocking(move || gzipped(&plain)).await;
    compressed.ok().flatten()
}

/// Compresses bytes; writing to memory cannot fail.
#[must_use]
pub fn gzipped(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).ok()?;
    let mut bytes = encoder.finish().ok()?;
    bytes.shrink_to_fit();
    Some(bytes.into())
}
