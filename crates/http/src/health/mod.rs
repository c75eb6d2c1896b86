//! Signs of life, for whoever runs the service.

mod live;
mod ready;

use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::router::Routes;

/// That all is well.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    #[schema(schema_with = statuses)]
    status: &'static str,
}

fn statuses() -> utoipa::openapi::schema::ObjectBuilder {
    crate::schema::one_of(["ok"])
}

const OK: Health = Health { status: "ok" };

pub(crate) fn routes() -> Routes {
    vec![routes!(live::health_live), routes!(ready::health_ready)]
}
