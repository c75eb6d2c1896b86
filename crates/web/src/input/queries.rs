//! Refusing query strings where none is taken.

use std::collections::HashMap;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, Uri};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};

use super::{Fields, Input, Query};
use crate::problem::Problem;

/// Which operations take no query string. Those that take one read it themselves; of the others one
/// that is sent all the same would go unnoticed, and with it that somebody misspelt or misplaced a
/// parameter.
#[derive(Default)]
pub struct WithoutQuery(HashMap<String, Vec<Method>>);

impl WithoutQuery {
    /// Adds the operations at that path, as they are documented.
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

    /// Adds an operation that is not documented.
    pub fn add_method(&mut self, path: &str, method: Method) {
        self.0.entry(path.to_owned()).or_default().push(method);
    }

    /// Refuses a query string where none is taken.
    pub fn check(&self, request: &Request) -> Result<(), Problem> {
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

/// No parameters at all.
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
