//! Drains unread request bodies.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::header::{CONNECTION, EXPECT};
use axum::http::{HeaderValue, Version};
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, sleep_until, timeout};
use tower::layer::layer_fn;
use tower::{Layer, service_fn};

use crate::http_service::HttpService;

/// Three of the largest uploads, so that clients get to read the rejection.
const DRAIN_BYTES: u64 = 16 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// Per millisecond, to leave CPU time to others.
const DRAIN_RATE: u64 = 32 * 1024;

pub(crate) fn layer<S: HttpService>() -> impl Layer<S, Service = impl HttpService> + Clone {
    layer_fn(|mut inner: S| {
        service_fn(move |mut request: Request| {
            let unread = UnreadBody::take_from(&mut request);
            let response = inner.call(request);
            async move {
                let mut response = response.await?;
                if let Some(unread) = unread {
                    unread.drain(&mut response).await;
                }
                Ok(response)
            }
        })
    })
}

/// The unread rest of an HTTP/1 request body.
///
/// A client still sending would get a reset and miss the response, so the rest is drained or, if
/// too long, the response carries `Connection: close`.
struct UnreadBody {
    body: SharedBody,
    /// `false` for clients that await `100 Continue` or announce too much.
    may_drain: bool,
}

impl UnreadBody {
    fn take_from(request: &mut Request) -> Option<Self> {
        let is_http1 = request.version() <= Version::HTTP_11;
        if !is_http1 || request.body().is_end_stream() {
            return None;
        }
        let body = std::mem::take(request.body_mut());
        let body = SharedBody(Arc::new(Mutex::new(body)));
        *request.body_mut() = Body::new(body.clone());
        let is_bearable = body.size_hint().lower() <= DRAIN_BYTES;
        let may_drain = is_bearable && !request.headers().contains_key(EXPECT);
        Some(Self { body, may_drain })
    }

    async fn drain(self, response: &mut Response) {
        let Self { body, may_drain } = self;
        let is_over = body.is_end_stream() || (may_drain && has_ended(body).await);
        if !is_over {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
    }
}

async fn has_ended(mut body: SharedBody) -> bool {
    let drained = async {
        let began = Instant::now();
        let mut drained = 0;
        while let Some(frame) = body.frame().await {
            drained += frame.ok()?.data_ref().map_or(0, |data| data.len() as u64);
            if drained > DRAIN_BYTES {
                return None;
            }
            let due = began + Duration::from_millis(drained / DRAIN_RATE);
            // Most bodies are small: skip the timer, which takes a millisecond.
            if due > Instant::now() {
                sleep_until(due).await;
            }
        }
        Some(())
    };
    matches!(timeout(DRAIN_TIME, drained).await, Ok(Some(())))
}

/// Readable after its reader dropped it.
#[derive(Clone)]
struct SharedBody(Arc<Mutex<Body>>);

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        body.size_hint()
    }
}
