use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::Route;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::problem::Problem;

/// How long anything may take that does not wait for a model; longer than the time that
/// [`read`](crate::input) gives a body to arrive.
const LIMIT: Duration = Duration::from_secs(60);

/// Has the route's work done, and gives up on it after [`LIMIT`].
pub(crate) async fn limit(route: Route, request: Request) -> Result<Response, Infallible> {
    match timeout(LIMIT, route.oneshot(request)).await {
        Ok(answered) => answered,
        Err(_) => {
            let late = "The request took too long. Try again in a moment.";
            Ok(Problem::unavailable(late).into_response())
        }
    }
}
