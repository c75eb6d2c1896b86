//! The document that describes the API, and the page that renders it.

use std::path::Path;

use axum::http::Method;
use serde_json::Value;

use crate::support::Api;

fn generated() -> String {
    colloquy_http::openapi().to_pretty_json().unwrap() + "\n"
}

#[test]
fn the_committed_document_is_what_the_code_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, generated()).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap();
    assert!(
        committed == generated(),
        "docs/openapi.json is out of date: UPDATE_OPENAPI=1 cargo test -p colloquy-http rewrites it"
    );
}

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let api = Api::new();
    let answer = api.raw(Method::GET, "/openapi.json").send().await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let generated: Value = serde_json::from_str(&generated()).unwrap();
    assert_eq!(answer.ok(200), generated);
}

/// Every operation of the document with its path and method.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[test]
fn every_operation_has_an_id_of_its_own_and_describes_its_problems() {
    let document: Value = serde_json::from_str(&generated()).unwrap();
    let mut ids = Vec::new();
    for (path, method, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(!ids.contains(&id), "{id}");
        ids.push(id);
        assert!(operation["summary"].is_string(), "{method} {path}");
        assert_eq!(operation["tags"].as_array().unwrap().len(), 1);
        for (status, response) in operation["responses"].as_object().unwrap() {
            assert!(response["headers"]["x-request-id"].is_object());
            if status.as_str() >= "400" {
                let schema = &response["content"]["application/problem+json"]["schema"];
                let expected = "#/components/schemas/Problem";
                assert_eq!(schema["$ref"], expected, "{method} {path} {status}");
            }
        }
    }
    assert!(ids.len() > 25);
}

#[test]
fn every_link_hands_an_operation_all_that_its_path_needs() {
    let document: Value = serde_json::from_str(&generated()).unwrap();
    let path_of = |id: &Value| {
        let mut found = operations(&document).filter(|(_, _, it)| it["operationId"] == *id);
        let (path, ..) = found.next().unwrap_or_else(|| panic!("no operation {id}"));
        path.to_owned()
    };
    let mut count = 0;
    for (_, _, operation) in operations(&document) {
        for response in operation["responses"].as_object().unwrap().values() {
            for link in response["links"].as_object().into_iter().flatten() {
                let given = link.1["parameters"].as_object().unwrap();
                let path = path_of(&link.1["operationId"]);
                let needed: Vec<_> = path.split('{').skip(1).collect();
                assert_eq!(needed.len(), given.len(), "{}", link.0);
                for name in given.keys() {
                    assert!(path.contains(&format!("{{{name}}}")), "{}", link.0);
                }
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
}

#[test]
fn every_reference_leads_somewhere() {
    let document: Value = serde_json::from_str(&generated()).unwrap();
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#").skip(1);
    let targets: Vec<_> = references
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    assert!(!targets.is_empty());
    for target in targets {
        assert!(document.pointer(target).is_some(), "{target}");
    }
}

#[tokio::test]
async fn exactly_the_routes_on_this_list_answer_without_a_token() {
    let api = Api::new();
    let document: Value = serde_json::from_str(&generated()).unwrap();
    let mut open = Vec::new();
    for (path, method, _) in operations(&document) {
        let path = path.replace(['{', '}'], "");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let answer = api.raw(method.clone(), &path).send().await;
        if answer.status != 401 {
            open.push(format!("{method} {path} {}", answer.status.as_u16()));
        }
    }
    assert_eq!(
        open,
        [
            "GET /api/v1/assistants 200",
            "GET /api/v1/assistants/assistant_id 404",
            "GET /api/v1/assistants/assistant_id/avatar 404",
            "POST /api/v1/auth/login 415",
            "GET /health/live 200",
            "GET /health/ready 200",
            "GET /metrics 200",
        ]
    );
}

#[tokio::test]
async fn the_page_loads_nothing_from_other_hosts() {
    let api = Api::new();
    let page = api.raw(Method::GET, "/docs").send().await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self';"));
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("//"), "{html}");
    let sources = html.split(['"']).filter(|text| text.starts_with('/'));
    let sources: Vec<_> = sources.collect();
    assert_eq!(
        sources,
        [
            "/docs/swagger-ui.css",
            "/docs/swagger-ui-bundle.js",
            "/docs/start.js"
        ]
    );
    for source in sources {
        let asset = api.raw(Method::GET, source).send().await;
        assert_eq!(asset.status, 200, "{source}");
        let kind = asset.header("content-type").unwrap();
        assert!(
            kind.starts_with("text/css") || kind.starts_with("text/javascript"),
            "{kind}"
        );
    }
}
