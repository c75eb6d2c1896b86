//! The API's operations as documented by OpenAPI.

use colloquy_tests::client::{API, Client, Request, text};
use hyper::Method;
use serde_json::Value;

use crate::ABSENT;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// Relative to the API, with `{}` per parameter; otherwise absolute.
    pub(crate) path: String,
}

impl Operation {
    /// Parses `GET /threads/{}`.
    pub(crate) fn parse(text: &str) -> Self {
        let (method, path) = text.split_once(' ').unwrap();
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
        }
    }

    /// Sets each parameter to `id` of the preceding segment.
    pub(crate) fn request(&self, client: &Client, id: impl Fn(&str) -> String) -> Request {
        let mut resource = "";
        let segments = self.path.split('/').map(|segment| match segment {
            "{}" => id(resource),
            segment => {
                resource = segment;
                segment.to_owned()
            }
        });
        let path = segments.collect::<Vec<_>>().join("/");
        let method: Method = self.method.parse().unwrap();
        if is_in_api(&self.path) {
            client.request(method, &path)
        } else {
            client.root().request(method, &path)
        }
    }

    /// The request with absent IDs.
    pub(crate) fn of_nothing(&self, client: &Client) -> Request {
        self.request(client, |_| ABSENT.to_owned())
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

fn is_in_api(path: &str) -> bool {
    let outside = ["/health/", "/openapi.json", "/docs"];
    !outside.iter().any(|prefix| path.starts_with(prefix))
}

pub(crate) fn documented(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let is_method = ["get", "post", "put", "patch", "delete"].contains(&method.as_str());
            assert!(is_method || method == "parameters", "{path}: {method}");
            if is_method {
                operations.push(Operation {
                    method: method.to_uppercase(),
                    path: without_names(path.strip_prefix(API).unwrap_or(path)),
                });
            }
        }
    }
    operations.sort();
    operations
}

pub(crate) async fn document(client: &Client) -> Value {
    let document = client.root().get("/openapi.json").await.expect(200);
    assert!(text(&document["openapi"]).starts_with("3."));
    document
}

fn without_names(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.starts_with('{') {
            true => "{}",
            false => segment,
        });
    segments.collect::<Vec<_>>().join("/")
}
