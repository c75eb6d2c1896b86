use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::time::timeout;

use crate::problem::Problem;

/// How long anything may take that does not wait for a model; longer than the time that
/// [`read`](crate::input) gives a body to arrive.
const LIMIT: Duration = Duration::from_secs(60);

/// Gives up on a request after [`LIMIT`].
pub(crate) async fn limit(request: Request, next: Next) -> Response {
    timeout(LIMIT, next.run(request)).await.unwrap_or_else(|_| {
        Problem::unavailable("The request took too long. Try again in a moment.").into_response()
    })
}
