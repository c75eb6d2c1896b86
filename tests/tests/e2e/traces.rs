//! Traces, as collected.

use std::collections::BTreeMap;

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{ModelServer, Reply};
use colloquy_tests::otlp_collector::OtlpCollector;
use colloquy_tests::otlp_collector::common::v1::any_value::Value as Attribute;
use colloquy_tests::otlp_collector::common::v1::{AnyValue, KeyValue};
use colloquy_tests::otlp_collector::trace::v1::Span;
use colloquy_tests::otlp_collector::trace::v1::span::SpanKind;
use colloquy_tests::otlp_collector::trace::v1::status::StatusCode;
use colloquy_tests::server::{ADMIN_EMAIL, Colloquy, Installation, PASSWORD};
use serde_json::{Value, json};

use crate::{SCRIPTED, SCRIPTED_KEY, with_models};

const ENDPOINT: &str = "COLLOQUY_OTLP__ENDPOINT";
/// Marks private content, for users and the model only.
const PRIVATE: &str = "Rosalind";
const SUM: &str = r#"{"expression": "61 * 73"}"#;
const RESULT: &str = "4453";

struct Scene {
    server: Colloquy,
    user: Client,
    assistant: Value,
    thread: String,
}

impl Scene {
    async fn with(endpoint: &str, replies: Vec<Reply>) -> (Self, ModelServer) {
        Self::with_settings(endpoint, replies, &[]).await
    }

    async fn with_settings(
        endpoint: &str,
        replies: Vec<Reply>,
        settings: &[(&str, &str)],
    ) -> (Self, ModelServer) {
        let models = ModelServer::start(replies).await;
        let installation = with_models(Backend::Sqlite, &models).await;
        let installation = installation
            // The log filter does not affect traces.
            .env("COLLOQUY_LOG", "warn,colloquy_application=info")
            .env(ENDPOINT, endpoint)
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=of-the-tests")
            .env(
                "OTEL_RESOURCE_ATTRIBUTES",
                "deployment.environment.name=test",
            );
        let with = |installation: Installation, (name, value): &(&str, &str)| {
            installation.env(name, value)
        };
        let installation = settings.iter().fold(installation, with);
        let server = installation.serve().await;
        let assistant = json!({
            "name": "Tested",
            "model": SCRIPTED,
            "instructions": format!("You serve {PRIVATE}."),
            "tools": ["calculator"],
            "configuration": {"temperature": 0.5, "max_output_tokens": 300},
        });
        let assistant = server.admin().await.create_assistant(assistant).await;
        let user = server.user("ada").await;
        let thread = user.create_thread().await;
        let scene = Self {
            server,
            user,
            assistant,
            thread,
        };
        (scene, models)
    }

    async fn ask(&self, status: u16) -> Value {
        let question = format!("What does {PRIVATE} owe?");
        let assistant = text(&self.assistant["id"]);
        let said = self.user.say(&self.thread, assistant, &question).await;
        said.expect(status)
    }
}

/// Exported spans by unique name, without request spans.
fn spans(collector: &OtlpCollector) -> BTreeMap<String, Span> {
    let scopes = collector.resources().into_iter();
    let scopes = scopes.flat_map(|resource| resource.scope_spans);
    let mut spans = BTreeMap::new();
    let sent = scopes.flat_map(|scope| scope.spans);
    for span in sent.filter(|span| span.kind() != SpanKind::Server) {
        let twice = spans.insert(span.name.clone(), span);
        assert!(twice.is_none(), "{twice:?}");
    }
    spans
}

fn attributes(attributes: &[KeyValue]) -> Value {
    let attributes = attributes.iter();
    attributes
        .map(|attribute| (attribute.key.clone(), plain(attribute.value.as_ref())))
        .collect()
}

fn plain(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Attribute::StringValue(text)) => json!(text),
        Some(Attribute::IntValue(number)) => json!(number),
        Some(Attribute::DoubleValue(number)) => json!(number),
        Some(Attribute::BoolValue(is_true)) => json!(is_true),
        Some(Attribute::ArrayValue(list)) => {
            list.values.iter().map(|value| plain(Some(value))).collect()
        }
        other => panic!("unexpected attribute: {other:?}"),
    }
}

fn has_failed(span: &Span) -> bool {
    let status = span.status.as_ref();
    status.is_some_and(|status| status.code() == StatusCode::Error)
}

fn assert_discreet(collector: &OtlpCollector, user: &Client) {
    let secrets = [
        PRIVATE,
        "61 * 73",
        RESULT,
        ADMIN_EMAIL,
        "ada@example.org",
        PASSWORD,
        user.token(),
        SCRIPTED_KEY,
        "scripted failure",
    ];
    for batch in collector.batches() {
        let sent = String::from_utf8_lossy(&batch.body);
        let mut found = secrets.iter().filter(|secret| sent.contains(**secret));
        assert_eq!(found.next(), None, "{sent}");
    }
}

/// A run with a known and an unknown tool, exported at shutdown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_a_tree_of_spans_that_keep_what_was_said_to_themselves() {
    let collector = OtlpCollector::start().await;
    let invented = format!("tell_{PRIVATE}");
    let replies = vec![
        Reply::calls(&[("one", "calculator", SUM), ("two", &invented, "{}")]),
        Reply::answer(&format!("{PRIVATE} owes {RESULT}.")),
    ];
    let endpoint = format!("http://who:pass@{}/", collector.address());
    let (mut scene, _models) = Scene::with(&endpoint, replies).await;
    let said = scene.ask(201).await;
    assert!(scene.server.stop().await.success());

    let run = &said["run"];
    let resource = &collector.resources()[0];
    let sender = attributes(&resource.resource.as_ref().unwrap().attributes);
    assert_eq!(sender["service.name"], "colloquy");
    assert_eq!(sender["deployment.environment.name"], "test");
    let (mut chats, mut requests) = (Vec::new(), Vec::new());
    let mut others = BTreeMap::new();
    let resources = collector.resources().into_iter();
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    for span in scopes.flat_map(|scope| scope.spans) {
        match span.name.as_str() {
            "chat model" => chats.push(span),
            _ if span.kind() == SpanKind::Server => requests.push(span),
            name => assert!(others.insert(name.to_owned(), span).is_none()),
        }
    }
    let route = "/api/v1/threads/{thread_id}/messages";
    let is_post = |request: &&Span| request.name == format!("POST {route}");
    let request = requests.iter().find(is_post).unwrap();
    assert!(request.parent_span_id.is_empty());
    assert_eq!(
        attributes(&request.attributes),
        json!({
            "http.request.method": "POST",
            "http.route": route,
            "http.response.status_code": 201,
        })
    );

    let slug = text(&scene.assistant["slug"]);
    let agent = &others[&format!("invoke_agent {slug}")];
    assert_eq!(agent.kind(), SpanKind::Internal);
    assert_eq!(agent.parent_span_id, request.span_id);
    assert!(!has_failed(agent));
    assert_eq!(
        attributes(&agent.attributes),
        json!({
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": "scripted",
            "gen_ai.request.model": "model",
            "gen_ai.agent.id": scene.assistant["id"],
            "gen_ai.agent.name": slug,
            "gen_ai.conversation.id": scene.thread,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": run["usage"]["input_tokens"],
            "gen_ai.usage.output_tokens": run["usage"]["output_tokens"],
            "colloquy.run.id": run["id"],
        })
    );

    chats.sort_by_key(|chat| chat.start_time_unix_nano);
    assert_eq!(chats.len(), 2);
    let first = &chats[0];
    assert_eq!(first.kind(), SpanKind::Client);
    assert_eq!(
        attributes(&first.attributes),
        json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "scripted",
            "gen_ai.request.model": "model",
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.max_tokens": 300,
            "gen_ai.request.stream": true,
            "gen_ai.conversation.id": scene.thread,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": 1,
        })
    );

    let tool = &others["execute_tool calculator"];
    assert_eq!(tool.kind(), SpanKind::Internal);
    assert!(!has_failed(tool));
    assert_eq!(
        attributes(&tool.attributes),
        json!({
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "calculator",
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": "one",
        })
    );
    let unknown = &others["execute_tool unknown"];
    assert!(has_failed(unknown));
    assert_eq!(attributes(&unknown.attributes)["error.type"], "unknown");

    for child in chats.iter().chain([tool, unknown]) {
        assert_eq!(child.parent_span_id, agent.span_id, "{child:?}");
        assert_eq!(child.trace_id, agent.trace_id, "{child:?}");
        assert!(child.events.is_empty(), "{child:?}");
    }
    assert!(agent.events.is_empty());

    let batches = collector.batches();
    assert!(batches.iter().all(|batch| batch.path == "/v1/traces"));
    assert_eq!(batches[0].headers["content-type"], "application/x-protobuf");
    assert_eq!(batches[0].headers["authorization"], "Basic d2hvOnBhc3M=");
    assert_eq!(batches[0].headers["x-api-key"], "of-the-tests");
    assert_discreet(&collector, &scene.user);
    assert_log_is_the_same(&scene.server.log());
}

/// Log lines name the run but no trace span.
fn assert_log_is_the_same(log: &str) {
    let lines = log.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ended: Vec<Value> = lines
        .filter(|line| line["fields"]["message"] == "run ended")
        .collect();
    assert_eq!(ended.len(), 1, "{log}");
    let spans = ended[0]["spans"].as_array().unwrap();
    let names: Vec<&str> = spans.iter().map(|span| text(&span["name"])).collect();
    // The filter removes the request's span from the log.
    assert_eq!(names, ["run"]);
    assert!(!log.contains("gen_ai"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_told_by_its_kind() {
    let collector = OtlpCollector::start().await;
    let endpoint = format!("http://{}", collector.address());
    let (mut scene, _models) = Scene::with(&endpoint, vec![Reply::status(400)]).await;
    let problem = scene.ask(502).await;
    scene.server.stop().await;

    let spans = spans(&collector);
    let chat = &spans["chat model"];
    assert!(has_failed(chat));
    assert_eq!(attributes(&chat.attributes)["error.type"], "refused");
    let agent = &spans[&format!("invoke_agent {}", text(&scene.assistant["slug"]))];
    assert!(has_failed(agent));
    assert_eq!(attributes(&agent.attributes)["error.type"], problem["code"]);
    assert_eq!(chat.parent_span_id, agent.span_id);
    assert_discreet(&collector, &scene.user);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_questions_vector_is_asked_for_in_a_span_of_its_own() {
    let vector = r#"{"data": [{"embedding": [0.6, 0.8]}]}"#;
    let vector = Reply::body(200, "application/json", vector);
    for (reply, failure) in [(vector, None), (Reply::status(400), Some("unavailable"))] {
        let collector = OtlpCollector::start().await;
        let endpoint = format!("http://{}", collector.address());
        let replies = vec![reply, Reply::answer("Nothing.")];
        let embedder = [("COLLOQUY_EMBEDDING__MODEL", "scripted::vectors")];
        let (mut scene, _models) = Scene::with_settings(&endpoint, replies, &embedder).await;
        let assistant = format!("/assistants/{}", text(&scene.assistant["id"]));
        let is_cached = json!({"use_semantic_cache": true});
        let admin = scene.server.admin().await;
        admin.patch(&assistant, is_cached).await.expect(200);
        assert_eq!(scene.ask(201).await["output"], "Nothing.");
        scene.server.stop().await;

        let spans = spans(&collector);
        let asked = &spans["embeddings vectors"];
        assert_eq!(asked.kind(), SpanKind::Client);
        let mut expected = json!({
            "gen_ai.operation.name": "embeddings",
            "gen_ai.provider.name": "scripted",
            "gen_ai.request.model": "vectors",
        });
        if let Some(failure) = failure {
            expected["error.type"] = json!(failure);
        }
        assert_eq!(attributes(&asked.attributes), expected);
        assert_eq!(has_failed(asked), failure.is_some());
        let agent = &spans[&format!("invoke_agent {}", text(&scene.assistant["slug"]))];
        assert_eq!(asked.parent_span_id, agent.span_id);
        assert!(!has_failed(agent));
        assert_discreet(&collector, &scene.user);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_share_of_nothing_nothing_is_sent() {
    let collector = OtlpCollector::start().await;
    let endpoint = format!("http://{}", collector.address());
    let replies = vec![Reply::answer("Yes.")];
    let share = [("COLLOQUY_OTLP__SAMPLE_RATIO", "0")];
    let (mut scene, _models) = Scene::with_settings(&endpoint, replies, &share).await;
    assert_eq!(scene.ask(201).await["output"], "Yes.");
    assert!(scene.server.stop().await.success());
    assert_eq!(collector.resources(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_away_is_told_of_once_and_harms_nobody() {
    // A port on which nothing listens.
    let endpoint = {
        let gone = OtlpCollector::start().await;
        format!("http://who:pass@{}", gone.address())
    };
    let replies = vec![Reply::answer("Yes."), Reply::answer("No.")];
    let (mut scene, _models) = Scene::with(&endpoint, replies).await;
    assert_eq!(scene.ask(201).await["output"], "Yes.");
    let lost = scene.server.process().line(|line| {
        let is_it = line.contains("traces not sent");
        is_it.then(|| line.to_owned())
    });
    let lost = lost.await;
    assert!(lost.contains("WARN") && !lost.contains("pass"), "{lost}");
    assert_eq!(scene.ask(201).await["output"], "No.");
    assert!(scene.server.stop().await.success());
    let log = scene.server.log();
    assert_eq!(log.matches("traces not sent").count(), 1, "{log}");
}
