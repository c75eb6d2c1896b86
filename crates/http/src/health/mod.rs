//! Health checks.

mod live;
mod ready;

use colloquy_web::limits::Limit;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::routes::Routes;

/// Status of a healthy service.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    #[schema(schema_with = statuses)]
    status: &'static str,
}

/// Status of a ready service.
#[derive(Serialize, ToSchema)]
struct Readiness {
    /// Always `ok`.
    #[schema(schema_with = statuses)]
    status: &'static str,
    /// Limits at which clients were rejected or cut within the last ten seconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = limits, required = false)]
    limits_reached: Vec<&'static str>,
}

fn limits() -> utoipa::openapi::schema::ArrayBuilder {
    let names = colloquy_web::schema::one_of(Limit::ALL.map(Limit::as_str));
    utoipa::openapi::schema::ArrayBuilder::new().items(names)
}

fn statuses() -> utoipa::openapi::schema::ObjectBuilder {
    colloquy_web::schema::one_of(["ok"])
}

const OK: Health = Health { status: "ok" };

pub(crate) fn routes() -> Routes {
    vec![routes!(live::health_live), routes!(ready::health_ready)]
}
