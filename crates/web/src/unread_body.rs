//! Request bodies that nobody has read to their end.

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

/// How much of a body that nobody wants is read all the same: three of the largest files that are
/// taken, so that who sends one too large is told.
const DRAIN_BYTES: u64 = 16 * 1024 * 1024;
/// For how long.
const DRAIN_TIME: Duration = Duration::from_secs(1);
/// How much in a millisecond: the rest of the time others have the processors.
const DRAIN_RATE: u64 = 32 * 1024;

/// The layer.
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

/// The body of a request of HTTP/1, for what is left of it when the answer is there.
///
/// A client that is still sending would find its connection reset, and might never see why. So the
/// rest is taken in, or, when there is too much of it, the client is told that the connection ends.
struct UnreadBody {
    body: SharedBody,
    /// Who waits for a go-ahead has not begun to send, and had better not; who announces more than
    /// is read is cut off either way.
    may_drain: bool,
}

impl UnreadBody {
    /// Keeps hold of the request's body, if there is one.
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

    /// Takes in what is left.
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
            // Nearly all bodies are small: no timer for them, which would take a millisecond.
            if due > Instant::now() {
                sleep_until(due).await;
            }
        }
        Some(())
    };
    matches!(timeout(DRAIN_TIME, drained).await, Ok(Some(())))
}

/// A body that can still be read after whoever was to read it has let go of it.
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
