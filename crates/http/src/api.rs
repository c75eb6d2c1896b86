//! The routes of all resources.

use axum::Router;
use colloquy_web::input::WithoutQuery;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::state::App;
use crate::{
    BASE, assistants, auth, avatars, files, health, messages, models, openapi, runs, threads,
    tokens, tools, users,
};

/// All routes with their documentation.
pub(crate) fn api() -> OpenApiRouter<App> {
    let api = OpenApiRouter::with_openapi(openapi::frame());
    let mut api = routes().fold(api, OpenApiRouter::routes);
    openapi::complete(api.get_openapi_mut());
    api
}

/// The routes, and which of them take no query string. Their documentation takes megabytes and is
/// generated on demand.
pub(crate) fn served() -> (Router<App>, WithoutQuery) {
    let mut router = Router::new();
    let mut without_query = WithoutQuery::default();
    for (_, paths, handlers) in routes() {
        for (path, item) in paths.paths {
            without_query.add(&path, &item);
            router = router.route(&path, handlers.clone());
        }
    }
    (router, without_query)
}

fn routes() -> impl Iterator<Item = UtoipaMethodRouter<App>> {
    let below_base = [
        auth::routes,
        users::routes,
        tokens::routes,
        assistants::routes,
        avatars::routes,
        models::routes,
        tools::routes,
        threads::routes,
        messages::routes,
        runs::routes,
        files::routes,
    ];
    // Not nested: that would rewrite each request's path in another layer.
    let below_base = below_base
        .into_iter()
        .flat_map(|routes| routes())
        .map(below_base_path);
    health::routes().into_iter().chain(below_base)
}

fn below_base_path(route: UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let (schemas, mut paths, handlers) = route;
    let items = std::mem::take(&mut paths.paths).into_iter();
    paths.paths = items
        .map(|(path, item)| (format!("{BASE}{path}"), item))
        .collect();
    (schemas, paths, handlers)
}
