//! An HTTP client for the service.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request as HttpRequest, Response as HttpResponse};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as HttpClient, Error as TransportError};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Base path of the API.
pub const API: &str = "/api/v1";

/// A client of one origin, with a token unless a guest.
#[derive(Debug, Clone)]
pub struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    origin: String,
    base: &'static str,
    token: Option<String>,
}

impl Client {
    /// A guest at `origin` (`http://host:port`).
    #[must_use]
    pub fn guest(origin: &str) -> Self {
        Self {
            http: HttpClient::builder(TokioExecutor::new()).build_http(),
            origin: origin.to_owned(),
            base: API,
            token: None,
        }
    }

    /// The same client with this token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The same client at another origin, such as a restarted service's.
    #[must_use]
    pub fn at(&self, origin: &str) -> Self {
        Self {
            token: self.token.clone(),
            base: self.base,
            ..Self::guest(origin)
        }
    }

    /// The same client outside of the API, as for `/health/live`.
    #[must_use]
    pub fn root(&self) -> Self {
        Self {
            base: "",
            ..self.clone()
        }
    }

    /// Whether it has a token.
    #[must_use]
    pub const fn is_signed_in(&self) -> bool {
        self.token.is_some()
    }

    /// The token.
    ///
    /// # Panics
    /// For a guest.
    #[must_use]
    pub fn token(&self) -> &str {
        self.token.as_deref().expect("a guest has no token")
    }

    /// Starts building a request.
    #[must_use]
    pub fn request(&self, method: Method, path: &str) -> Request {
        let request = HttpRequest::builder()
            .method(method)
            .uri(format!("{}{}{path}", self.origin, self.base))
            .body(Bytes::new())
            .expect("a valid request");
        let request = Request {
            http: self.http.clone(),
            request,
        };
        match &self.token {
            Some(token) => request.header(AUTHORIZATION.as_str(), &format!("Bearer {token}")),
            None => request,
        }
    }

    /// Sends a GET.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await
    }

    /// Sends a POST with JSON.
    pub async fn post(&self, path: &str, body: Value) -> Response {
        self.request(Method::POST, path).json(&body).send().await
    }

    /// Sends a PATCH with JSON.
    pub async fn patch(&self, path: &str, body: Value) -> Response {
        self.request(Method::PATCH, path).json(&body).send().await
    }

    /// Sends a DELETE.
    pub async fn delete(&self, path: &str) -> Response {
        self.request(Method::DELETE, path).send().await
    }
}

impl Client {
    /// Signs in; returns the response.
    pub async fn log_in(&self, email: &str, password: &str) -> Response {
        self.request(Method::POST, "/auth/login")
            .form(&[("username", email), ("password", password)])
            .send()
            .await
    }

    /// Signs in; returns the client.
    pub async fn sign_in(&self, email: &str, password: &str) -> Self {
        let session = self.log_in(email, password).await.expect(200);
        self.with_token(text(&session["access_token"]))
    }

    /// Creates an assistant, on the echo model by default.
    pub async fn create_assistant(&self, mut fields: Value) -> Value {
        if fields.get("model").is_none() {
            fields["model"] = "echo::echo".into();
        }
        self.post("/assistants", fields).await.expect(201)
    }

    /// Creates a thread; returns its ID.
    pub async fn create_thread(&self) -> String {
        let thread = self.post("/threads", json!({})).await.expect(201);
        text(&thread["id"]).to_owned()
    }

    /// Posts a message and waits for the answer.
    pub async fn say(&self, thread: &str, assistant: &str, content: &str) -> Response {
        let body = json!({"assistant_id": assistant, "content": content});
        self.post(&format!("/threads/{thread}/messages"), body)
            .await
    }
}

/// Of the multipart bodies.
const BOUNDARY: &str = "----a-boundary-of-the-tests";

/// A request under construction.
#[derive(Debug, Clone)]
pub struct Request {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    request: HttpRequest<Bytes>,
}

impl Request {
    /// Sets or replaces a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header value");
        self.request.headers_mut().insert(name, value);
        self
    }

    /// Sets body and content type.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = body.into();
        self.header(CONTENT_TYPE.as_str(), content_type)
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a URL-encoded form body.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let form = form.extend_pairs(fields).finish();
        self.body("application/x-www-form-urlencoded", form)
    }

    /// Sets a multipart body with these fields and a file of that name behind them.
    #[must_use]
    pub fn upload(self, fields: &[(&str, &str)], name: &str, file: &[u8]) -> Self {
        let mut form = Vec::new();
        for (field, value) in fields {
            let head = format!("Content-Disposition: form-data; name=\"{field}\"");
            form.extend(format!("--{BOUNDARY}\r\n{head}\r\n\r\n{value}\r\n").into_bytes());
        }
        let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
        form.extend(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").into_bytes());
        form.extend_from_slice(file);
        form.extend(format!("\r\n--{BOUNDARY}--\r\n").into_bytes());
        self.body(&format!("multipart/form-data; boundary={BOUNDARY}"), form)
    }

    /// Sets a multipart body with one file.
    #[must_use]
    pub fn file(self, field: &str, file: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"x\"\r\n\r\n"
        );
        let end = format!("\r\n--{BOUNDARY}--\r\n");
        let form = [head.as_bytes(), file, end.as_bytes()].concat();
        self.body(&format!("multipart/form-data; boundary={BOUNDARY}"), form)
    }

    /// Sends the request and reads the whole response.
    ///
    /// # Panics
    /// If none arrives.
    pub async fn send(self) -> Response {
        let described = format!("{} {}", self.request.method(), self.request.uri());
        match self.try_send().await {
            Ok(response) => response,
            Err(error) => panic!("no answer to {described}: {error:?}"),
        }
    }

    /// Like [`send`](Self::send), for a service that may be down.
    ///
    /// # Errors
    /// If no complete response arrives.
    pub async fn try_send(self) -> Result<Response, Unanswered> {
        let described = format!("{} {}", self.request.method(), self.request.uri());
        let response = self.open().await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let response = Response::read(&described, head.status.as_u16(), head.headers, body);
        if response.status >= 400 && !response.body.is_empty() {
            // Checks the problem document of every error response.
            let _ = response.any_problem();
        }
        Ok(response)
    }
}

impl Request {
    /// Sends the request; leaves the response's body unread.
    pub(crate) async fn open(self) -> Result<HttpResponse<Incoming>, Unanswered> {
        Ok(self.http.request(self.request.map(Full::new)).await?)
    }
}

/// No complete response arrived; the request may have taken effect.
#[derive(Debug)]
pub struct Unanswered(#[expect(dead_code, reason = "for the test's output")] String);

impl From<TransportError> for Unanswered {
    fn from(error: TransportError) -> Self {
        Self(format!("{error:?}"))
    }
}

impl From<hyper::Error> for Unanswered {
    fn from(error: hyper::Error) -> Self {
        Self(format!("{error:?}"))
    }
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct Response {
    request: String,
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

impl Response {
    /// From a response read by other means.
    pub(crate) fn read(request: &str, status: u16, headers: HeaderMap, body: Bytes) -> Self {
        Self {
            request: request.to_owned(),
            status,
            headers,
            body,
        }
    }

    /// The only header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if empty.
    ///
    /// # Panics
    /// If it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        match serde_json::from_slice(&self.body) {
            Ok(value) => value,
            Err(_) => panic!("{}: not JSON: {}", self.request, self.text()),
        }
    }

    /// The JSON body of a response with that status.
    ///
    /// # Panics
    /// If the status differs or the body is not JSON.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text());
        self.json()
    }

    /// The problem document with that status and code.
    ///
    /// # Panics
    /// If it differs or is malformed.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        let problem = self.any_problem();
        let found = (self.status, text(&problem["code"]));
        assert_eq!(found, (status, code), "{}: {problem}", self.request);
        problem
    }

    /// The problem document of a status of 400 or more.
    ///
    /// # Panics
    /// If it is missing or malformed.
    #[must_use]
    #[track_caller]
    pub fn any_problem(&self) -> Value {
        let about = format!("{}: {} {}", self.request, self.status, self.text());
        assert!(self.status >= 400, "{about}");
        let content_type = self.header("content-type");
        assert_eq!(content_type, Some("application/problem+json"), "{about}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{about}");
        assert_eq!(
            problem["request_id"].as_str(),
            self.header("x-request-id"),
            "{about}"
        );
        assert_eq!(problem["message"], problem["detail"], "{about}");
        for member in ["type", "title", "detail", "code"] {
            assert!(!text(&problem[member]).is_empty(), "{about}");
        }
        let category = text(&problem["category"]);
        assert!(["functional", "technical"].contains(&category), "{about}");
        assert_says_nothing_of_the_inside(&problem, &about);
        problem
    }

    /// The fields of a validation error, in order.
    ///
    /// # Panics
    /// If it is not a validation error.
    #[track_caller]
    #[must_use]
    pub fn invalid_fields(self) -> Vec<String> {
        let problem = self.problem(422, "validation_error");
        let errors = problem["errors"].as_array().expect("a list of errors");
        for error in errors {
            assert!(!text(&error["code"]).is_empty(), "{problem}");
            assert!(!text(&error["message"]).is_empty(), "{problem}");
        }
        let field = |error: &Value| text(&error["field"]).to_owned();
        errors.iter().map(field).collect()
    }

    /// Status, headers and body without date and request ID.
    #[must_use]
    pub fn anonymous(&self) -> (u16, Vec<(String, String)>, String) {
        let headers = self.headers.iter().filter_map(|(name, value)| {
            let shown = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let differs = ["date", "x-request-id"].contains(&name.as_str());
            (!differs).then(|| (name.to_string(), shown))
        });
        let body = match self.header("x-request-id") {
            Some(id) => self.text().replace(id, ""),
            None => self.text(),
        };
        (self.status, headers.collect(), body)
    }

    /// Path and query of the next page, from `Link`.
    #[must_use]
    pub fn next_page(&self) -> Option<String> {
        self.linked_page("next")
    }

    /// Path and query of the `Link` with this relation, relative to the API.
    pub fn linked_page(&self, relation: &str) -> Option<String> {
        let suffix = format!("; rel=\"{relation}\"");
        let links = self.headers.get_all("link").into_iter();
        let mut links = links.map(|link| link.to_str().expect("text"));
        let target = links.find_map(|link| link.strip_suffix(&suffix))?;
        let target = target.strip_prefix('<')?.strip_suffix('>')?;
        let path = match target.split_once("://") {
            Some((_, rest)) => &rest[rest.find('/')?..],
            None => target,
        };
        Some(
            path.strip_prefix(API)
                .expect("a path of the API")
                .to_owned(),
        )
    }
}

/// Internals of code, databases and libraries.
const INWARD: &[&str] = &[
    "select ",
    "insert ",
    "update ",
    "sql",
    "postgres",
    "constraint",
    "panicked",
    "backtrace",
    ".rs",
    "/src/",
    "/tmp/",
    "/var/",
    " line ",
    " column ",
    "hyper",
    "axum",
    "serde",
    "tokio",
    "os error",
];

#[track_caller]
fn assert_says_nothing_of_the_inside(problem: &Value, about: &str) {
    let errors = problem["errors"].as_array().into_iter().flatten();
    let said = errors.map(|error| &error["message"]);
    for said in said.chain([&problem["title"], &problem["detail"]]) {
        let said = text(said).to_lowercase();
        let inward = INWARD.iter().find(|inward| said.contains(*inward));
        assert_eq!(inward, None, "{about}");
    }
}

/// The text of a JSON string.
///
/// # Panics
/// If it is not a string.
#[must_use]
#[track_caller]
pub fn text(value: &Value) -> &str {
    match value.as_str() {
        Some(text) => text,
        None => panic!("not a text: {value}"),
    }
}
