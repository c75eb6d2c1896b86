//! Rejects query strings on operations without parameters.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Uri};
use axum::response::IntoResponse as _;
use futures_util::future::Either;
use tower::layer::layer_fn;
use tower::{Layer, service_fn};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};

use super::{Fields, Input, Query};
use crate::http_service::HttpService;
use crate::problem::Problem;

pub(crate) fn refuse_query_layer<S: HttpService>(
    without_query: WithoutQuery,
) -> impl Layer<S, Service = impl HttpService> + Clone {
    let without_query = Arc::new(without_query);
    layer_fn(move |mut inner: S| {
        let without_query = Arc::clone(&without_query);
        service_fn(
            move |request: Request| match without_query.check(&request) {
                Ok(()) => Either::Left(inner.call(request)),
                Err(problem) => Either::Right(ready(Ok(problem.into_response()))),
            },
        )
    })
}

/// Operations without query parameters, where a misspelt parameter would go unnoticed.
#[derive(Default)]
pub struct WithoutQuery(HashMap<String, Vec<Method>>);

impl WithoutQuery {
    /// Adds a path's documented operations.
    pub fn add(&mut self, path: &str, item: &PathItem) {
        let operations = [
            (Method::GET, &item.get),
            (Method::PUT, &item.put),
            (Method::POST, &item.post),
            (Method::DELETE, &item.delete),
            (Method::PATCH, &item.patch),
        ];
        for (method, operation) in operations {
            if operation.as_ref().is_some_and(takes_no_query) {
                self.add_method(path, method);
            }
        }
    }

    /// Adds an undocumented operation.
    pub fn add_method(&mut self, path: &str, method: Method) {
        self.0.entry(path.to_owned()).or_default().push(method);
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        if request.uri().query().is_none_or(str::is_empty) || !self.concerns(request) {
            return Ok(());
        }
        refuse_any(request.uri())
    }

    fn concerns(&self, request: &Request) -> bool {
        let route = request.extensions().get::<MatchedPath>();
        let methods = route.and_then(|route| self.0.get(route.as_str()));
        let method = match *request.method() {
            Method::HEAD => &Method::GET,
            ref method => method,
        };
        methods.is_some_and(|methods| methods.contains(method))
    }
}

fn takes_no_query(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    !parameters
        .any(|parameter| matches!(parameter, RefOr::T(it) if it.parameter_in == ParameterIn::Query))
}

struct Nothing;

impl Input for Nothing {
    type Value = Self;

    fn read(_: &mut Fields<'_>) -> Option<Self> {
        Some(Self)
    }
}

fn refuse_any(uri: &Uri) -> Result<(), Problem> {
    let Query(Nothing) = Query::<Nothing>::read(uri)?;
    Ok(())
}
