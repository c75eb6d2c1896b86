//! Serving over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::Method;
use axum::routing::get;
use colloquy_application::testing::fakes::{Gate, Script};
use colloquy_domain::FinishReason;
use colloquy_web::serve::{ServeOptions, serve};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::conversation::Conversation;
use crate::sse::names;
use crate::support::Api;

mod frames;

/// Longer than any step may take.
const PATIENCE: Duration = Duration::from_secs(20);
const HELLO: &str = "GET /hello HTTP/1.1\r\nhost: test\r\n\r\n";
const SLOW: &str = "GET /slow HTTP/1.1\r\nhost: test\r\n\r\n";

struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    /// A request for `/slow` has begun.
    begun: Arc<Notify>,
    /// Lets it end.
    released: Arc<Notify>,
}

impl Server {
    async fn start(idle: Duration, grace: Duration) -> Self {
        let options = ServeOptions {
            idle,
            grace,
            stall: PATIENCE,
            ..ServeOptions::default()
        };
        Self::of(Api::new().router, options).await
    }

    async fn of(router: Router, options: ServeOptions) -> Self {
        let (begun, released) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begin, release) = (Arc::clone(&begun), Arc::clone(&released));
        let slow = async move || {
            begin.notify_one();
            release.notified().await;
            "slow but whole"
        };
        let router = Router::new()
            .route("/hello", get(async || "hello"))
            .route("/slow", get(slow))
            .merge(router);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone().cancelled_owned();
        Self {
            address,
            shutdown,
            task: tokio::spawn(serve(listener, router, options, stop)),
            begun,
            released,
        }
    }

    async fn patient() -> Self {
        Self::start(PATIENCE, PATIENCE).await
    }

    async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.unwrap())
    }

    async fn ended(self) {
        timeout(PATIENCE, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

struct Connection(TcpStream);

impl Connection {
    async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until the text arrives.
    async fn read_until(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let byte = timeout(PATIENCE, self.0.read_u8()).await.unwrap();
            text.push(char::from(
                byte.unwrap_or_else(|_| panic!("cut after {text:?}")),
            ));
        }
        text
    }

    /// Reads until the server closes the connection.
    async fn read_to_end(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        // A reset counts as an end.
        let _ = read.expect("the connection is still open");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let server = Server::patient().await;
    let mut connection = server.connect().await;
    for _ in 0..3 {
        connection.send(HELLO).await;
        let answer = connection.read_until("hello").await;
        assert!(answer.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn a_client_that_begins_with_http_2_is_served_http_2() {
    let server = Server::patient().await;
    let stream = TcpStream::connect(server.address).await.unwrap();
    let handshake =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (mut client, connection) = handshake.await.unwrap();
    tokio::spawn(connection);
    let request = hyper::Request::get("http://test/hello")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = client.send_request(request).await.unwrap();
    assert_eq!(response.version(), hyper::Version::HTTP_2);
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "hello");
}

#[tokio::test]
async fn connections_that_send_no_whole_head_are_closed() {
    let server = Server::start(Duration::from_millis(100), PATIENCE).await;
    for beginning in [
        "",
        "P",
        "PRI * HTTP/2.0\r\n",
        "GET /hello HTTP/1.1\r\nhost: te",
    ] {
        let mut connection = server.connect().await;
        connection.send(beginning).await;
        let rest = connection.read_to_end().await;
        assert!(!rest.contains("200"), "{beginning:?} was answered {rest:?}");
    }
}

#[tokio::test]
async fn a_connection_between_requests_is_closed_after_a_while() {
    let server = Server::start(Duration::from_millis(100), PATIENCE).await;
    let mut connection = server.connect().await;
    connection.send(HELLO).await;
    assert!(connection.read_to_end().await.ends_with("hello"));
}

#[tokio::test]
async fn a_request_under_way_is_not_idle() {
    let server = Server::start(Duration::from_millis(50), PATIENCE).await;
    let mut slow = server.connect().await;
    slow.send(SLOW).await;
    server.begun.notified().await;
    // Meanwhile other connections are found idle twice.
    server.connect().await.read_to_end().await;
    server.connect().await.read_to_end().await;
    server.released.notify_one();
    slow.read_until("slow but whole").await;
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused() {
    let server = Server::patient().await;
    let long = format!(
        "GET /hello HTTP/1.1\r\nx: {}\r\n\r\n",
        "x".repeat(100 * 1024)
    );
    let many = "x: y\r\n".repeat(101);
    let many = format!("GET /hello HTTP/1.1\r\n{many}\r\n");
    for head in [long, many] {
        let mut connection = server.connect().await;
        // The server may close before reading everything.
        let _ = connection.0.write_all(head.as_bytes()).await;
        let answer = connection.read_to_end().await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_chunked_body_is_read_up_to_the_limit_and_no_further() {
    let server = Server::patient().await;
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\
                content-type: application/json\r\n\r\n";
    let mut connection = server.connect().await;
    connection.send(head).await;
    connection.send("1\r\n{\r\n1\r\n}\r\n0\r\n\r\n").await;
    let answer = connection.read_until("}]}").await;
    assert!(answer.starts_with("HTTP/1.1 422"), "{answer}");

    let mut connection = server.connect().await;
    connection.send(head).await;
    for _ in 0..4 {
        connection
            .send(&format!("1000\r\n{}\r\n", " ".repeat(4096)))
            .await;
    }
    connection.send("1\r\n \r\n").await;
    let answer = connection.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("payload_too_large"));
}

#[tokio::test]
async fn odd_requests_are_refused_or_answered_and_harm_nobody() {
    let server = Server::patient().await;
    for request in [
        "OPTIONS * HTTP/1.1\r\nhost: test\r\n\r\n",
        "CONNECT test:80 HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET http://other/nonsense HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET //// HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET /%ff%00/%2e%2e HTTP/1.1\r\nhost: test\r\n\r\n",
        "GET /nonsense HTTP/1.1\r\n\r\n",
        "GET /nonsense HTTP/1.0\r\n\r\n",
        "GET /nonsense HTTP/9.9\r\n\r\n",
        "\0\0\0\0\r\n\r\n",
    ] {
        let mut connection = server.connect().await;
        connection.send(request).await;
        connection.0.shutdown().await.unwrap();
        let answer = connection.read_to_end().await;
        assert!(
            answer.is_empty()
                || answer.starts_with("HTTP/1.1 4")
                || answer.starts_with("HTTP/1.0 4"),
            "{request:?}: {answer}"
        );
    }
    let mut connection = server.connect().await;
    connection.send(HELLO).await;
    connection.read_until("hello").await;
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_lets_requests_end() {
    let server = Server::patient().await;
    let mut silent = server.connect().await;
    let mut halfway = server.connect().await;
    halfway.send("GET /hello HTTP/1.1\r\n").await;
    let mut idle = server.connect().await;
    idle.send(HELLO).await;
    idle.read_until("hello").await;
    let mut slow = server.connect().await;
    slow.send(SLOW).await;
    server.begun.notified().await;

    server.shutdown.cancel();
    for connection in [&mut silent, &mut halfway, &mut idle] {
        assert_eq!(connection.read_to_end().await, "");
    }
    assert!(TcpStream::connect(server.address).await.is_err());
    server.released.notify_one();
    assert!(slow.read_to_end().await.ends_with("slow but whole"));
    server.ended().await;
}

#[tokio::test]
async fn requests_that_do_not_end_within_the_grace_are_cut() {
    let server = Server::start(PATIENCE, Duration::from_millis(100)).await;
    let mut slow = server.connect().await;
    slow.send(SLOW).await;
    server.begun.notified().await;
    server.shutdown.cancel();
    assert_eq!(slow.read_to_end().await, "");
    server.ended().await;
}

#[tokio::test]
async fn a_connection_is_used_again_behind_a_stream_that_has_ended() {
    let c = Conversation::new().await;
    let id = c.start(Script::answer("Hi")).await;
    let server = Server::of(c.api.router.clone(), ServeOptions::default()).await;
    let mut connection = server.connect().await;
    connection.send(&follow(&c, &id)).await;
    let stream = connection.read_until("0\r\n\r\n").await;
    assert!(stream.starts_with("HTTP/1.1 200"));
    assert!(stream.contains("event: run.completed\n"));
    connection.send(HELLO).await;
    connection.read_until("hello").await;
}

#[tokio::test]
async fn stopping_lets_a_stream_come_to_its_end() {
    let c = Conversation::new().await;
    let gate = Gate::new();
    let script = Script::new().text("Hi").wait(&gate).end(FinishReason::Stop);
    let id = c.start(script).await;
    let server = Server::of(c.api.router.clone(), ServeOptions::default()).await;
    let mut connection = server.connect().await;
    connection.send(&follow(&c, &id)).await;
    connection.read_until("event: message.delta\n").await;
    let mut idle = server.connect().await;
    server.shutdown.cancel();
    // Closed at the start of shutdown.
    idle.read_to_end().await;
    gate.open();
    let rest = connection.read_to_end().await;
    assert!(rest.contains("event: run.completed\n"));
    assert!(rest.ends_with("0\r\n\r\n"));
    server.ended().await;
}

#[tokio::test]
async fn a_reader_who_takes_nothing_is_cut_and_delays_nobody() {
    let c = Conversation::new().await;
    let gate = Gate::new();
    let text = "word ".repeat(2_000);
    let script = (0..180).fold(Script::new().wait(&gate), |s, _| s.text(&text));
    let id = c.start(script.end(FinishReason::Stop)).await;
    let options = ServeOptions {
        stall: Duration::from_millis(200),
        grace: PATIENCE * 3,
        ..ServeOptions::default()
    };
    let server = Server::of(c.api.router.clone(), options).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut connection = Connection(socket.connect(server.address).await.unwrap());
    connection.send(&follow(&c, &id)).await;
    connection.read_until("event: run.started\n").await;
    gate.open();
    let events = c.events(&id).await;
    assert_eq!(names(&events).last(), Some(&"run.completed"));
    let sent: usize = events
        .iter()
        .map(|event| event.data.to_string().len())
        .sum();
    assert!(sent > 5 * 1024 * 1024, "more than sockets hold: {sent}");
    // The stream is active until cut, well before the grace period ends.
    server.shutdown.cancel();
    server.ended().await;
    assert!(!connection.read_to_end().await.contains("run.completed"));
}

/// The request for the run's events.
fn follow(c: &Conversation, run: &str) -> String {
    format!(
        "GET /api/v1{} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\n\r\n",
        c.events_path(run),
        c.user.token
    )
}

fn room_for(max_connections: usize) -> ServeOptions {
    ServeOptions {
        max_connections,
        ..ServeOptions::default()
    }
}

const UNFINISHED: &str = "POST /api/v1/auth/login HTTP/1.1\r\nhost: test\r\n\
                          content-type: application/json\r\ncontent-length: 100\r\n\r\n{";

#[tokio::test]
async fn a_connection_for_which_there_is_no_room_takes_the_place_of_one_that_waits() {
    let server = Server::of(Api::new().router, room_for(2)).await;
    let mut silent = server.connect().await;
    let mut other = server.connect().await;
    other.send(HELLO).await;
    other.read_until("hello").await;
    let mut third = server.connect().await;
    third.send(HELLO).await;
    third.read_until("hello").await;
    assert_eq!(silent.read_to_end().await, "");
    other.send(UNFINISHED).await;
    for _ in 0..5 {
        let mut next = server.connect().await;
        next.send(HELLO).await;
        next.read_until("hello").await;
    }
    assert_eq!(other.read_to_end().await, "");
}

#[tokio::test]
async fn a_connection_that_is_worked_for_yields_to_nobody() {
    let server = Server::of(Api::new().router, room_for(2)).await;
    let mut busy = [server.connect().await, server.connect().await];
    for connection in &mut busy {
        connection.send(SLOW).await;
        server.begun.notified().await;
    }
    assert_eq!(server.connect().await.read_to_end().await, "");
    for connection in &mut busy {
        server.released.notify_one();
        connection.read_until("slow but whole").await;
    }
    let mut next = server.connect().await;
    next.send(HELLO).await;
    next.read_until("hello").await;
}

#[tokio::test]
async fn one_address_leaves_a_quarter_of_the_connections_to_others() {
    let server = Server::of(Api::new().router, room_for(4)).await;
    let mut busy = Vec::new();
    for _ in 0..3 {
        let mut connection = server.connect().await;
        connection.send(SLOW).await;
        server.begun.notified().await;
        busy.push(connection);
    }
    assert_eq!(server.connect().await.read_to_end().await, "");
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = Connection(socket.connect(server.address).await.unwrap());
    other.send(HELLO).await;
    other.read_until("hello").await;
}

type Http2 = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

/// An HTTP/2 client with this flow-control window.
async fn http2(server: &Server, window: u32) -> Http2 {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window);
    let (client, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn ask(client: &mut Http2, path: &str) -> hyper::Response<hyper::body::Incoming> {
    let request = hyper::Request::get(format!("http://test{path}"));
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    timeout(PATIENCE, client.send_request(request))
        .await
        .unwrap()
        .unwrap()
}

/// Whether the response is cut off.
async fn is_cut(answer: hyper::Response<hyper::body::Incoming>) -> bool {
    let body = timeout(PATIENCE, answer.into_body().collect());
    body.await.unwrap().is_err()
}

const STALL: Duration = Duration::from_millis(200);

fn impatient() -> ServeOptions {
    ServeOptions {
        stall: STALL,
        ..ServeOptions::default()
    }
}

#[tokio::test]
async fn an_http_2_client_that_takes_nothing_is_cut_with_its_connection() {
    let server = Server::of(Api::new().router, impatient()).await;
    let mut client = http2(&server, 0).await;
    let paths = ["/hello", "/docs/swagger-ui-bundle.js", "/openapi.json"];
    let mut answers = Vec::new();
    for path in paths.into_iter().cycle().take(30) {
        let answer = ask(&mut client, path).await;
        assert_eq!(answer.status(), 200);
        answers.push(answer);
    }
    for answer in answers {
        assert!(is_cut(answer).await);
    }
    timeout(PATIENCE, async { while client.ready().await.is_ok() {} })
        .await
        .unwrap();
}

#[tokio::test]
async fn an_answer_that_is_not_taken_is_cut_without_the_others_on_its_connection() {
    let server = Server::of(Api::new().router, impatient()).await;
    let mut client = http2(&server, 64 * 1024).await;
    let left = ask(&mut client, "/docs/swagger-ui-bundle.js").await;
    // Nothing is read meanwhile, so no window is granted.
    let begin = Instant::now();
    while begin.elapsed() < STALL * 5 {
        let answer = ask(&mut client, "/hello").await;
        let answer = answer.into_body().collect().await.unwrap();
        assert_eq!(answer.to_bytes(), "hello");
    }
    assert!(is_cut(left).await);
    let whole = ask(&mut client, "/docs/swagger-ui-bundle.js").await;
    let whole = whole.into_body().collect().await.unwrap().to_bytes();
    assert!(whole.len() > 200 * 1024);
}

#[tokio::test]
async fn a_transfer_encoding_besides_chunked_is_refused_as_an_encoding() {
    let server = Server::patient().await;
    for (encoding, status) in [("gzip, chunked", "415"), ("chunked", "422")] {
        let mut connection = server.connect().await;
        let head = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
             content-type: application/json\r\ntransfer-encoding: {encoding}\r\n\r\n"
        );
        connection.send(&(head + "2\r\n{}\r\n0\r\n\r\n")).await;
        let answer = connection.read_to_end().await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{encoding}: {answer}");
    }
}

#[tokio::test]
async fn an_answer_of_which_a_byte_is_taken_now_and_then_is_cut() {
    let server = Server::of(Api::new().router, impatient()).await;
    let mut client = http2(&server, 1).await;
    let answer = ask(&mut client, "/docs/swagger-ui-bundle.js").await;
    let mut body = answer.into_body();
    let taking = async {
        while body.frame().await.is_some_and(|frame| frame.is_ok()) {
            tokio::time::sleep(STALL / 4).await;
        }
    };
    timeout(PATIENCE, taking).await.expect("it is cut");
}

#[tokio::test]
async fn answers_that_nobody_takes_are_limited_in_bytes() {
    let large = get(async || vec![b'x'; 4 * 1024 * 1024]);
    let router = Api::new().router.route("/large", large);
    let options = ServeOptions {
        stall: PATIENCE * 3,
        ..ServeOptions::default()
    };
    let server = Server::of(router, options).await;
    let mut greedy = http2(&server, 0).await;
    let mut answers = Vec::new();
    // Nine of them hold 36 MiB.
    for _ in 0..20 {
        let request = hyper::Request::get("http://test/large");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        match timeout(PATIENCE, greedy.send_request(request))
            .await
            .unwrap()
        {
            Ok(answer) => answers.push(answer),
            Err(_) => break,
        }
    }
    assert!(is_cut(answers.swap_remove(0)).await);
    let mut other = http2(&server, 64 * 1024).await;
    for _ in 0..3 {
        let whole = ask(&mut other, "/large").await.into_body().collect().await;
        assert_eq!(whole.unwrap().to_bytes().len(), 4 * 1024 * 1024);
    }
}

#[tokio::test]
async fn a_file_of_the_documentation_is_not_sent_to_whoever_has_it() {
    let api = Api::new();
    for path in [
        "/openapi.json",
        "/docs",
        "/docs/start.js",
        "/docs/swagger-ui.css",
    ] {
        let first = api.raw(Method::GET, path).send().await;
        let etag = first.header("etag").unwrap().to_owned();
        let again = api.raw(Method::GET, path).header("if-none-match", &etag);
        let again = again.send().await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{path}"
        );
        assert_eq!(again.header("etag"), Some(&*etag));
        let other = api.raw(Method::GET, path).header("if-none-match", "\"x\"");
        assert_eq!(other.send().await.body, first.body);
    }
}
