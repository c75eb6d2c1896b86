//! Model provider faults as users see them.

use std::collections::HashMap;
use std::time::Duration;

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{ModelServer, Reply, Script};
use colloquy_tests::on_both_backends;
use colloquy_tests::server::Colloquy;
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::scene::{run_of, said};
use crate::{SCRIPTED, SCRIPTED_KEY, with_models};

on_both_backends![
    a_failure_keeps_the_message_and_says_no_more_than_it_should,
    a_passing_failure_is_not_noticed,
    a_provider_out_of_reach_fails_the_run,
    the_provider_says_when_to_come_back,
    a_slow_drip_ends_at_the_runs_limit,
];

/// Provider text that only operators may see.
const UPSTREAM: &str = "upstream words";

/// A reset within the answer. It may overtake sent bytes, even the response head, in which case the
/// service retries.
const RESET: &str = "reset";

/// CI runs few rounds.
fn rounds() -> usize {
    let rounds = std::env::var("COLLOQUY_FAULT_ROUNDS").ok();
    rounds.map_or(1, |rounds| rounds.parse().unwrap())
}

/// A fault: the provider's replies, and the run's end.
struct Fault {
    /// Also the model's name, for the script.
    name: &'static str,
    replies: Vec<Reply>,
    status: u16,
    code: &'static str,
    attempts: usize,
    /// The part of the answer that is kept.
    partial: &'static str,
}

fn fault(name: &'static str, reply: Reply, status: u16, code: &'static str) -> Fault {
    Fault {
        name,
        replies: vec![reply],
        status,
        code,
        attempts: 1,
        partial: "",
    }
}

impl Fault {
    fn attempts(self, attempts: usize) -> Self {
        Self { attempts, ..self }
    }

    fn keeping(self, partial: &'static str) -> Self {
        Self { partial, ..self }
    }
}

fn error(status: u16, code: &str) -> Reply {
    let message = format!("{UPSTREAM}: {SCRIPTED_KEY}");
    let body = json!({"error": {"message": message, "type": "t", "code": code}});
    Reply::body(status, "application/json", &body.to_string())
}

fn some_text() -> Reply {
    Reply::events().text("some ").text("text")
}

fn refusals() -> Vec<Fault> {
    let model_error = |name, reply| fault(name, reply, 502, "model_error");
    let not_configured = |name, reply| fault(name, reply, 502, "model_not_configured");
    vec![
        model_error("bad-request", error(400, "invalid")),
        model_error("no-such-model", error(404, "model_not_found")),
        model_error("always-500", error(500, "oops")).attempts(3),
        model_error("always-503", error(503, "oops")).attempts(3),
        model_error("always-529", error(529, "overloaded")).attempts(3),
        model_error("always-408", error(408, "slow")).attempts(3),
        model_error("always-409", error(409, "conflict")).attempts(3),
        fault("always-429", error(429, "busy"), 503, "model_rate_limited").attempts(3),
        fault(
            "too-long",
            error(400, "context_length_exceeded"),
            422,
            "context_too_long",
        ),
        not_configured("key-refused", error(401, "invalid_api_key")),
        not_configured("key-forbidden", error(403, "forbidden")),
    ]
}

fn broken_answers() -> Vec<Fault> {
    let model_error = |name, reply| fault(name, reply, 502, "model_error");
    let upstream = json!({"error": {"message": UPSTREAM}});
    let html = format!("<html>{UPSTREAM}</html>");
    vec![
        model_error("html", Reply::body(200, "text/html", &html)),
        model_error("empty", Reply::body(200, "text/event-stream", "")),
        model_error("empty-json", Reply::body(200, "application/json", "")),
        model_error("no-choices", Reply::events().usage(1, 0).done()),
        model_error(RESET, some_text().reset()).keeping("some text"),
        model_error("cut", some_text()).keeping("some text"),
        model_error(
            "malformed",
            some_text().bytes(format!("data: {{{UPSTREAM}\n\n")).done(),
        )
        .keeping("some text"),
        model_error("error-event", some_text().data(&upstream).done()).keeping("some text"),
        model_error(
            "huge-event",
            some_text()
                .bytes("data: ")
                .repeated(vec![b'x'; 1 << 20], 50),
        )
        .keeping("some text"),
    ]
}

fn silences() -> Vec<Fault> {
    let timeout = |name, reply| fault(name, reply, 504, "model_timeout");
    vec![
        timeout("never-answers", Reply::silence().hang()),
        timeout("only-headers", Reply::events().hang()),
        timeout("falls-silent", some_text().hang()).keeping("some text"),
        timeout(
            "empty-events",
            Reply::events().endless("", Duration::from_millis(1)),
        ),
    ]
}

fn script(faults: &[Fault]) -> Script {
    let replies: HashMap<&str, Vec<Reply>> = faults
        .iter()
        .map(|fault| (fault.name, fault.replies.clone()))
        .collect();
    let mut turns: HashMap<String, usize> = HashMap::new();
    Script::new(move |request| {
        let model = text(&request.body["model"]);
        let turn = turns.entry(model.to_owned()).or_default();
        let replies = &replies[model];
        let reply = replies.get(*turn).or(replies.last()).unwrap();
        *turn += 1;
        reply.clone()
    })
}

fn times_asked(models: &ModelServer, name: &str) -> usize {
    let requests = models.requests();
    let of_model = requests.iter().filter(|r| r.body["model"] == name);
    of_model.count()
}

async fn a_failure_keeps_the_message_and_says_no_more_than_it_should(backend: Backend) {
    let faults: Vec<Fault> = [refusals(), broken_answers(), silences()]
        .into_iter()
        .flatten()
        .collect();
    let models = ModelServer::start(script(&faults)).await;
    let server = with_models(backend, &models)
        .await
        .env("COLLOQUY_RUN__FIRST_TOKEN_TIMEOUT", "2s")
        .env("COLLOQUY_RUN__IDLE_TIMEOUT", "2s")
        .env("COLLOQUY_LOG", "debug")
        .serve()
        .await;
    let echo = server.assistant("Echo").await;
    let user = server.user("ada").await;
    for _ in 0..rounds() {
        let tries = faults.iter().map(async |fault| {
            try_fault(&server, &user, &echo, fault, Way::Waiting).await;
            try_fault(&server, &user, &echo, fault, Way::Streaming).await;
        });
        join_all(tries).await;
    }
    let runs = 2 * rounds();
    for Fault { name, attempts, .. } in &faults {
        let asked = times_asked(&models, name);
        let is_retried = *name == RESET && (runs..=3 * runs).contains(&asked);
        assert!(
            asked == attempts * runs || is_retried,
            "{name}: {asked} times"
        );
    }
    assert!(
        !server.log().contains(SCRIPTED_KEY),
        "the key is in the log"
    );
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Waiting,
    Streaming,
}

impl Way {
    /// Waits for the failure. Returns the run's path and the error.
    async fn fail(
        self,
        user: &Client,
        thread: &str,
        assistant: &str,
        fault: &Fault,
    ) -> (String, String) {
        match self {
            Self::Waiting => wait(user, thread, assistant, fault).await,
            Self::Streaming => stream(user, thread, assistant, fault).await,
        }
    }
}

async fn wait(user: &Client, thread: &str, assistant: &str, fault: &Fault) -> (String, String) {
    let failed = user.say(thread, assistant, "question").await;
    assert_says_nothing(fault.name, &failed.text());
    let retry_after = failed.header("retry-after").map(ToOwned::to_owned);
    assert_eq!(retry_after.is_some(), fault.status == 503, "{}", fault.name);
    let problem = failed.problem(fault.status, fault.code);
    let run = format!("/threads/{thread}/runs/{}", text(&problem["run_id"]));
    (run, text(&problem["detail"]).to_owned())
}

async fn stream(user: &Client, thread: &str, assistant: &str, fault: &Fault) -> (String, String) {
    let name = fault.name;
    let path = format!("/threads/{thread}/messages");
    let body = json!({"assistant_id": assistant, "content": "question"});
    let post = user.request(Method::POST, &path).json(&body);
    let events = post.events().await.rest().await;
    for event in &events {
        assert_says_nothing(name, &event.data.to_string());
    }
    let heard = said(&events);
    let is_lost = name == RESET && heard.is_empty();
    assert!(heard == fault.partial || is_lost, "{name}: {heard}");
    let last = &events[events.len() - 1];
    assert_eq!(last.kind, "run.failed", "{name}");
    assert_eq!(last.data["error"]["code"], fault.code, "{name}");
    let run = format!("/threads/{thread}/runs/{}", run_of(&events[0]));
    (run, text(&last.data["error"]["message"]).to_owned())
}

async fn try_fault(server: &Colloquy, user: &Client, echo: &str, fault: &Fault, way: Way) {
    let name = fault.name;
    let fields = json!({"name": name, "model": format!("scripted::{name}")});
    let assistant = server.admin().await.create_assistant(fields).await;
    let assistant = text(&assistant["id"]);
    let thread = user.create_thread().await;
    let (run, message) = way.fail(user, &thread, assistant, fault).await;

    let run = user.get(&run).await;
    assert_says_nothing(name, &run.text());
    let run = run.expect(200);
    assert_eq!(run["status"], "failed", "{name}");
    assert_eq!(run["error"]["code"], fault.code, "{name}");
    assert_eq!(run["error"]["message"], message, "{name}");
    assert_eq!(run["finish_reason"], Value::Null, "{name}");

    let messages = user.get(&format!("/threads/{thread}/messages")).await;
    assert_says_nothing(name, &messages.text());
    let messages = messages.expect(200);
    let mut shown = messages.as_array().unwrap().iter().map(|message| {
        let [kind, content, status] = ["type", "content", "status"].map(|m| text(&message[m]));
        (kind, content, status)
    });
    assert_eq!(shown.next(), Some(("human", "question", "completed")));
    let partial = (!fault.partial.is_empty()).then_some(("ai", fault.partial, "incomplete"));
    let kept = shown.next();
    let is_lost = name == RESET && kept.is_none();
    assert!(kept == partial || is_lost, "{name}: {kept:?}");
    assert_eq!(shown.next(), None, "{name}");

    let next = user.say(&thread, echo, "and now?").await.expect(201);
    assert!(
        text(&next["output"]).ends_with("and now?"),
        "{name}: {next}"
    );
}

fn assert_says_nothing(name: &str, answer: &str) {
    for secret in [UPSTREAM, SCRIPTED_KEY, "127.0.0.1", "scripted"] {
        assert!(!answer.contains(secret), "{name}: {answer}");
    }
}

async fn a_passing_failure_is_not_noticed(backend: Backend) {
    let once = |name, first| Fault {
        replies: vec![first, Reply::answer("fine")],
        ..fault(name, Reply::silence(), 201, "")
    };
    let faults = [
        once("once-500", error(500, "oops")),
        once("once-502", error(502, "oops")),
        once("once-503", error(503, "oops")),
        once("once-529", error(529, "oops")),
        once("once-reset", Reply::silence().reset()),
        once("once-429", error(429, "busy").header("retry-after", "1")),
    ];
    let models = ModelServer::start(script(&faults)).await;
    let server = with_models(backend, &models).await.serve().await;
    let user = server.user("ada").await;
    for fault in &faults {
        let fields = json!({"name": fault.name, "model": format!("scripted::{}", fault.name)});
        let assistant = server.admin().await.create_assistant(fields).await;
        let thread = user.create_thread().await;
        let exchange = user.say(&thread, text(&assistant["id"]), "question").await;
        let exchange = exchange.expect(201);
        assert_eq!(exchange["output"], "fine", "{}", fault.name);
        assert_eq!(exchange["messages"].as_array().unwrap().len(), 2);
        assert_eq!(times_asked(&models, fault.name), 2, "{}", fault.name);
    }
}

async fn a_provider_out_of_reach_fails_the_run(backend: Backend) {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let server = Colloquy::installed(backend)
        .await
        .env(
            "COLLOQUY_PROVIDERS__CLOSED__BASE_URL",
            &format!("http://{closed}/v1"),
        )
        .env(
            "COLLOQUY_PROVIDERS__NOWHERE__BASE_URL",
            "http://nowhere.invalid/v1",
        )
        .serve()
        .await;
    let user = server.user("ada").await;
    for model in ["closed::model", "nowhere::model"] {
        let assistant = server.assistant_on(model).await;
        let thread = user.create_thread().await;
        let failed = user.say(&thread, &assistant, "question").await;
        let problem = failed.problem(502, "model_error");
        assert!(problem["run_id"].is_string());
        let messages = user.get(&format!("/threads/{thread}/messages")).await;
        let messages = messages.expect(200);
        assert_eq!(messages.as_array().unwrap().len(), 1);
        assert_eq!(messages[0]["content"], "question");
    }
}

async fn the_provider_says_when_to_come_back(backend: Backend) {
    let busy = error(429, "busy").header("retry-after", "3600");
    let faults = [fault("busy", busy, 503, "model_rate_limited")];
    let models = ModelServer::start(script(&faults)).await;
    let server = with_models(backend, &models).await.serve().await;
    let assistant = server.assistant_on("scripted::busy").await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let failed = user.say(&thread, &assistant, "question").await;
    assert_eq!(failed.header("retry-after"), Some("3600"));
    failed.problem(503, "model_rate_limited");
    assert_eq!(times_asked(&models, "busy"), 1);
}

async fn a_slow_drip_ends_at_the_runs_limit(backend: Backend) {
    let drip = Reply::events().endless("drip ", Duration::from_millis(20));
    let models = ModelServer::start(drip).await;
    let site = with_models(backend, &models).await;
    let server = site.env("COLLOQUY_RUN__TOTAL_TIMEOUT", "1s").serve().await;
    let assistant = server.assistant_on(SCRIPTED).await;
    let user = server.user("ada").await;
    let thread = user.create_thread().await;
    let failed = user.say(&thread, &assistant, "question").await;
    failed.problem(504, "model_timeout");
    models.abandoned(1).await;
    assert_eq!(models.requests().len(), 1);
    let messages = user.get(&format!("/threads/{thread}/messages")).await;
    let messages = messages.expect(200);
    assert!(text(&messages[1]["content"]).starts_with("drip drip "));
    assert_eq!(messages[1]["status"], "incomplete");
}
