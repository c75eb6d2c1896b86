//! The API under test and its callers.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use colloquy_application::accounts::NewAccount;
use colloquy_application::permissions::DefaultPolicy;
use colloquy_application::ports::{HealthCheck, InstanceId};
use colloquy_application::system::SystemClock;
use colloquy_application::testing::fakes::{
    CountingSecrets, ManualClock, Memory, Script, ScriptedModel, SequentialIds,
};
use colloquy_application::tools::Toolbox;
use colloquy_application::{Ports, Settings, UseCases};
use colloquy_domain::{Email, Role, TokenName, User};
use colloquy_http::HttpOptions;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use uuid::Uuid;

use crate::sse::Events;

/// The API over its own store.
pub(crate) struct Api {
    pub(crate) router: Router,
    pub(crate) store: Memory,
    pub(crate) model: Arc<ScriptedModel>,
    pub(crate) use_cases: UseCases,
}

/// A caller with a token.
pub(crate) struct Caller {
    pub(crate) user: User,
    pub(crate) token: String,
}

impl Api {
    pub(crate) fn new() -> Self {
        Self::with(|_| {}, |_| {})
    }

    /// With other ports or options.
    pub(crate) fn with(
        change_ports: impl FnOnce(&mut Ports),
        change_options: impl FnOnce(&mut HttpOptions),
    ) -> Self {
        Self::over(Memory::new(), change_ports, change_options, |_| {})
    }

    /// With other settings.
    pub(crate) fn set(change_settings: impl FnOnce(&mut Settings)) -> Self {
        Self::over(Memory::new(), |_| {}, |_| {}, change_settings)
    }

    /// Another instance on the same store.
    pub(crate) fn neighbour(&self, change_options: impl FnOnce(&mut HttpOptions)) -> Self {
        Self::over(self.store.clone(), |_| {}, change_options, |_| {})
    }

    fn over(
        store: Memory,
        change_ports: impl FnOnce(&mut Ports),
        change_options: impl FnOnce(&mut HttpOptions),
        change_settings: impl FnOnce(&mut Settings),
    ) -> Self {
        let model = Arc::new(ScriptedModel::new([]));
        let mut ports = ports(&store, &model);
        change_ports(&mut ports);
        let mut options = HttpOptions::new(Arc::clone(&ports.ids));
        change_options(&mut options);
        let mut settings = Settings {
            api_key_lifetime: None,
            password_slots: 2,
            toolbox: Toolbox::built_in(Arc::new(SystemClock)).unwrap(),
            ..Settings::new(InstanceId(Uuid::nil()))
        };
        change_settings(&mut settings);
        let use_cases = UseCases::new(ports, Arc::new(DefaultPolicy), settings);
        let health: Vec<Arc<dyn HealthCheck>> = vec![Arc::new(store.clone())];
        Self {
            router: colloquy_http::router(use_cases.clone(), health, options),
            store,
            model,
            use_cases,
        }
    }

    pub(crate) async fn admin(&self) -> Caller {
        self.caller("admin@example.org", Role::Admin).await
    }

    pub(crate) async fn user(&self, email: &str) -> Caller {
        self.caller(email, Role::User).await
    }

    async fn caller(&self, email: &str, role: Role) -> Caller {
        let new = NewAccount {
            email: Email::parse(email).unwrap(),
            password: None,
            name: None,
            role,
        };
        let user = self.use_cases.accounts.create(new).await.unwrap();
        let name = TokenName::parse("test").unwrap();
        let tokens = &self.use_cases.tokens;
        let issued = tokens.issue_api_key(user.id, name, None).await.unwrap();
        let token = issued.text.expose().to_owned();
        Caller { user, token }
    }

    /// Creates an assistant whose answers the test scripts; returns its ID.
    pub(crate) async fn assistant(&self, admin: &Caller, slug: &str) -> String {
        self.assistant_with(
            admin,
            json!({"name": slug, "slug": slug, "model": "fake::m"}),
        )
        .await
    }

    pub(crate) async fn assistant_with(&self, admin: &Caller, body: Value) -> String {
        self.make(admin, "/assistants", body).await
    }

    /// Creates a thread of the caller; returns its ID.
    pub(crate) async fn thread(&self, owner: &Caller) -> String {
        self.make(owner, "/threads", json!({})).await
    }

    async fn make(&self, caller: &Caller, path: &str, body: Value) -> String {
        let answer = self.post(path).by(caller).json(&body).send().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["id"].as_str().unwrap().to_owned()
    }

    /// Asks and returns the full response.
    pub(crate) async fn ask(
        &self,
        caller: &Caller,
        thread: &str,
        assistant: &str,
        text: &str,
    ) -> Answer {
        self.model.add(Script::answer(&format!("You said: {text}")));
        self.post(&format!("/threads/{thread}/messages"))
            .by(caller)
            .json(&json!({"assistant_id": assistant, "content": text}))
            .send()
            .await
    }

    pub(crate) fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Call {
        self.call(Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Call {
        self.call(Method::PATCH, path)
    }

    pub(crate) fn put(&self, path: &str) -> Call {
        self.call(Method::PUT, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }

    /// A request to a path below the API's base.
    pub(crate) fn call(&self, method: Method, path: &str) -> Call {
        self.raw(method, &format!("/api/v1{path}"))
    }

    /// A request to any path.
    pub(crate) fn raw(&self, method: Method, path: &str) -> Call {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        Call {
            router: self.router.clone(),
            request,
        }
    }
}

fn ports(store: &Memory, model: &Arc<ScriptedModel>) -> Ports {
    Ports {
        clock: Arc::new(ManualClock::default()),
        ids: Arc::new(SequentialIds::default()),
        secrets: Arc::new(CountingSecrets::default()),
        ..store.ports(Arc::clone(model) as _)
    }
}

/// A request being built.
pub(crate) struct Call {
    router: Router,
    request: Request<Body>,
}

impl Call {
    pub(crate) fn by(self, caller: &Caller) -> Self {
        self.header(AUTHORIZATION.as_str(), &format!("Bearer {}", caller.token))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        let name: axum::http::HeaderName = name.parse().unwrap();
        let headers = self.request.headers_mut();
        headers.append(name, value.parse().unwrap());
        self
    }

    /// Sets the peer address.
    pub(crate) fn from(mut self, address: &str) -> Self {
        let peer: SocketAddr = address.parse().unwrap();
        self.request.extensions_mut().insert(ConnectInfo(peer));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Body>) -> Self {
        *self.request.body_mut() = body.into();
        self.header(CONTENT_TYPE.as_str(), media_type)
    }

    /// Sends the request and reads the body as events.
    pub(crate) async fn open(self) -> Events {
        Events::new(self.router.oneshot(self.request).await.unwrap())
    }

    pub(crate) async fn send(self) -> Answer {
        let response = self.router.oneshot(self.request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }
}

/// A complete response.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status, String::from_utf8_lossy(&self.body))
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The body of a successful response.
    pub(crate) fn ok(&self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self.json()
    }

    /// Asserts an empty success.
    pub(crate) fn no_content(&self) {
        assert_eq!(self.status, StatusCode::NO_CONTENT, "{self:?}");
        assert!(self.body.is_empty());
    }

    /// The problem document, after checking code and shape.
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json")
        );
        let problem = self.json();
        assert_eq!(problem["code"], code, "{self:?}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["detail"], problem["message"]);
        assert_ne!(problem["detail"], "");
        assert_ne!(problem["title"], "");
        let category = if status < 500 {
            "functional"
        } else {
            "technical"
        };
        assert_eq!(problem["category"], category);
        assert_eq!(self.header("x-request-id"), problem["request_id"].as_str());
        assert_ne!(problem["request_id"], "");
        problem
    }

    /// The fields of a validation problem as `path code`, sorted.
    pub(crate) fn invalid_fields(&self) -> Vec<String> {
        let problem = self.problem(422, "validation_error");
        let mut fields: Vec<String> = problem["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| {
                assert_ne!(error["message"], "");
                let text = |name: &str| error[name].as_str().unwrap().to_owned();
                format!("{} {}", text("field"), text("code"))
            })
            .collect();
        fields.sort();
        fields
    }

    /// What must be equal for indistinguishable responses.
    pub(crate) fn without_request_id(mut self) -> (StatusCode, HeaderMap, Value) {
        let mut body = self.json();
        body["request_id"].take();
        self.headers.remove("x-request-id");
        (self.status, self.headers, body)
    }
}

/// The values of one member in a list of objects.
pub(crate) fn members<'a>(list: &'a Value, name: &str) -> Vec<&'a str> {
    let items = list.as_array().unwrap().iter();
    items.map(|item| item[name].as_str().unwrap()).collect()
}
