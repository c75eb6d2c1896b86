//! The OpenAPI document and the page that renders it.

use std::path::Path;

use axum::http::Method;
use colloquy_http::DocumentVersion;
use serde_json::{Value, json};

use crate::support::Api;

fn generated() -> String {
    colloquy_http::openapi_json(DocumentVersion::V3_1).unwrap() + "\n"
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

#[test]
fn descriptions_have_no_stray_spaces_or_line_breaks() {
    fn check(value: &Value) {
        match value {
            Value::Object(members) => {
                for name in ["summary", "description"] {
                    let text = members.get(name).and_then(Value::as_str).unwrap_or("");
                    let paragraphs = text.split("\n\n");
                    let is_stray =
                        |it: &str| it.contains("  ") || it.contains('\n') || it != it.trim();
                    assert!(!paragraphs.clone().any(is_stray), "{text:?}");
                }
                members.values().for_each(check);
            }
            Value::Array(items) => items.iter().for_each(check),
            _ => {}
        }
    }
    check(&serde_json::from_str(&generated()).unwrap());
}

#[tokio::test]
async fn the_served_document_is_the_committed_one() {
    let api = Api::new();
    let answer = api.raw(Method::GET, "/openapi.json").send().await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let generated: Value = serde_json::from_str(&generated()).unwrap();
    assert_eq!(answer.ok(200), generated);
}

#[tokio::test]
async fn the_document_is_3_1_unless_3_2_is_asked_for() {
    let api = Api::new();
    let get = async |query: &str| {
        let path = format!("/openapi.json{query}");
        api.raw(Method::GET, &path).send().await
    };
    let (usual, older, newer) = (
        get("").await,
        get("?version=3.1").await,
        get("?version=3.2").await,
    );
    assert_eq!(usual.ok(200), older.ok(200));
    let (older, newer) = (older.ok(200), newer.ok(200));
    assert_eq!(
        (&older["openapi"], &newer["openapi"]),
        (&json!("3.1.0"), &json!("3.2.0"))
    );
    assert!(!older.to_string().contains("itemSchema"));
    let events = "/paths/~1api~1v1~1threads~1{thread_id}~1runs~1{run_id}~1events/get/responses/200\
        /content/text~1event-stream";
    let event = json!({"$ref": "#/components/schemas/RunEvent"});
    assert_eq!(older.pointer(events).unwrap()["schema"], event);
    assert_eq!(newer.pointer(events).unwrap()["itemSchema"], event);
    for wrong in [
        "?version=3",
        "?version=",
        "?version=3.1&version=3.2",
        "?versoin=3.2",
    ] {
        assert_eq!(get(wrong).await.invalid_fields().len(), 1, "{wrong}");
    }
}

#[test]
fn the_events_of_a_run_are_a_union_told_apart_by_their_names() {
    let document: Value = serde_json::from_str(&generated()).unwrap();
    let schemas = &document["components"]["schemas"];
    let union = &schemas["RunEvent"];
    assert_eq!(union["discriminator"]["propertyName"], "event");
    let mapping = union["discriminator"]["mapping"].as_object().unwrap();
    assert_eq!(mapping.len(), union["oneOf"].as_array().unwrap().len());
    assert!(mapping.len() >= 8);
    for (name, target) in mapping {
        let target = target.as_str().unwrap();
        let kind = document.pointer(target.strip_prefix('#').unwrap()).unwrap();
        assert_eq!(kind["properties"]["event"]["enum"], json!([name]));
        let data = kind["properties"]["data"]["$ref"].as_str().unwrap();
        let data = document.pointer(data.strip_prefix('#').unwrap()).unwrap();
        assert_eq!(data["type"], "object", "{name}");
    }
}

/// The documented JSON body of an operation.
fn body_of<'a>(document: &'a Value, operation: &Value) -> Option<&'a Value> {
    let content = &operation["requestBody"]["content"]["application/json"];
    let reference = content["schema"]["$ref"].as_str()?;
    document.pointer(reference.strip_prefix('#')?)
}

#[tokio::test]
async fn every_example_of_a_body_is_accepted() {
    let api = Api::new();
    let admin = api.admin().await;
    api.assistant(&admin, "demo").await;
    let thread = api.thread(&admin).await;
    let path = format!("/threads/{thread}/messages");
    let post = json!({"assistant_id": "demo", "content": "Hello"});
    // This test's models have no scripts.
    let failed = api.post(&path).by(&admin).json(&post).send().await;
    let run = failed.problem(502, "model_error")["run_id"].clone();
    let form = "--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n\r\n--b--";
    let file = api.post("/files").by(&admin);
    let file = file
        .body("multipart/form-data; boundary=b", form)
        .send()
        .await
        .ok(201);
    let document: Value = serde_json::from_str(&generated()).unwrap();
    let mut untried: Vec<_> = operations(&document)
        .filter(|(.., it)| body_of(&document, it).is_some())
        .collect();
    // The account to sign in must exist first.
    untried.sort_by_key(|(.., it)| it["operationId"] != "create_user");
    let mut user = String::new();
    for (path, method, operation) in untried {
        let body = body_of(&document, operation).unwrap();
        let example = &body["examples"][0];
        let names = example
            .as_object()
            .unwrap_or_else(|| panic!("no example: {path}"));
        for name in names.keys() {
            assert!(body["properties"][name].is_object(), "{name}: {path}");
        }
        let path = path
            .replace("{thread_id}", &thread)
            .replace("{run_id}", run.as_str().unwrap())
            .replace("{user_id}", &user)
            .replace("{file_id}", file["id"].as_str().unwrap())
            .replace("{assistant_id}", "demo");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let call = api.raw(method, &path).header("prefer", "respond-async");
        let answer = call.by(&admin).json(example).send().await;
        // The run is not paused.
        let is_read = path.contains("/runs/") && answer.status == 409;
        assert!(answer.status.is_success() || is_read, "{path}: {answer:?}");
        if operation["operationId"] == "create_user" {
            user = answer.json()["id"].as_str().unwrap().to_owned();
        }
    }
}

#[test]
fn no_body_has_fields_that_only_the_service_sets() {
    let document: Value = serde_json::from_str(&generated()).unwrap();
    for (path, _, operation) in operations(&document) {
        let body = body_of(&document, operation);
        for name in ["id", "created_at", "updated_at", "revision"] {
            assert!(
                body.is_none_or(|it| it["properties"][name].is_null()),
                "{path}: {name}"
            );
        }
    }
}

/// A request per operation, with IDs that do not exist.
fn requests(document: &Value) -> impl Iterator<Item = (Method, String)> {
    operations(document).map(|(path, method, _)| {
        let id = "01900000-0000-7000-8000-000000000000";
        let segments = path.split('/');
        let segments = segments.map(|it| if it.starts_with('{') { id } else { it });
        let path = segments.collect::<Vec<_>>().join("/");
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        (method, path)
    })
}

#[tokio::test]
async fn a_query_parameter_that_is_not_known_is_refused_everywhere() {
    let api = Api::new();
    let admin = api.admin().await;
    let document: Value = serde_json::from_str(&generated()).unwrap();
    let docs = ["/openapi.json", "/docs", "/docs/start.js"];
    let docs = docs.map(|path| (Method::GET, path.to_owned()));
    for (method, path) in requests(&document).chain(docs) {
        let refused = async |query: &str| {
            let path = format!("{path}?{query}");
            let answer = api.raw(method.clone(), &path).by(&admin).send().await;
            assert_eq!(answer.status, 422, "{method} {path}");
            answer.invalid_fields()
        };
        assert_eq!(refused("limti=1").await, ["limti unknown_field"]);
        assert_eq!(
            refused("a&b=2&a=1").await,
            ["a unknown_field", "b unknown_field"]
        );
        assert_eq!(
            refused("%6Cimti=1&%0A").await,
            ["\n unknown_field", "limti unknown_field"]
        );
        // Empty query strings.
        for nothing in ["", "&", "&&"] {
            if method == Method::GET {
                let path = format!("{path}?{nothing}");
                let answer = api.raw(Method::GET, &path).by(&admin).send().await;
                assert_ne!(answer.status, 422, "{path}");
            }
        }
    }
    let head = api
        .raw(Method::HEAD, "/api/v1/users/me?x=1")
        .by(&admin)
        .send()
        .await;
    assert_eq!(head.status, 422);
    let wrong = api
        .raw(Method::PUT, "/api/v1/users/me?x=1")
        .by(&admin)
        .send()
        .await;
    assert_eq!(wrong.status, 405);
}

#[tokio::test]
async fn a_query_parameter_is_given_once() {
    let api = Api::new();
    let admin = api.admin().await;
    for (path, field) in [
        ("/users?limit=1&limit=1", "limit"),
        ("/assistants?skip=0&limit=5&skip=1", "skip"),
        ("/threads?owner=me&owner=all", "owner"),
    ] {
        let answer = api.get(path).by(&admin).send().await;
        assert_eq!(answer.invalid_fields(), [format!("{field} repeated")]);
    }
    let form = "username=ada%40example.org&password=x&username=bob%40example.org";
    let form = api
        .post("/auth/login")
        .body("application/x-www-form-urlencoded", form);
    assert_eq!(form.send().await.invalid_fields(), ["username repeated"]);
}

/// Every documented operation with path and method.
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
