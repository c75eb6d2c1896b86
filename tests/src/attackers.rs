//! Attacking clients that hold resources.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming};
use hyper::client::conn::http2;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use crate::server::Colloquy;

/// Concurrent streams per HTTP/2 connection.
pub const STREAMS: usize = 100;

/// A request body.
pub type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// An HTTP/2 client.
pub type Http2 = http2::SendRequest<Body>;

/// Connects from the n-th local address.
///
/// # Panics
/// On failure.
pub async fn connect(server: &Colloquy, n: usize, receive_buffer: Option<u32>) -> TcpStream {
    let n = u32::try_from(n + 256).expect("a small number");
    let [_, _, high, low] = n.to_be_bytes();
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = Ipv4Addr::new(127, 1, high, low);
    socket.bind((from, 0).into()).expect("an address");
    if let Some(size) = receive_buffer {
        socket.set_recv_buffer_size(size).expect("a small buffer");
    }
    let address = server.address().parse().expect("an address");
    socket.connect(address).await.expect("the service")
}

/// An HTTP/2 client with this initial window in bytes.
///
/// # Panics
/// If the service does not speak HTTP/2.
pub async fn http2(stream: TcpStream, window: u32) -> Http2 {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window);
    let (client, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    client
}

/// The HTTP/1.1 head of a sign-in with this body length.
#[must_use]
pub fn sign_in_head(length: usize) -> String {
    format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    )
}

/// A body that never ends.
pub struct Endless(Option<Bytes>);

impl Endless {
    /// An endless body that begins with these bytes.
    #[must_use]
    pub fn beginning(bytes: impl Into<Bytes>) -> Body {
        Body::new(Self(Some(bytes.into())))
    }
}

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.0.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }
}

/// Sends a GET over HTTP/2.
///
/// # Panics
/// If the path is invalid.
pub fn ask(
    client: &mut Http2,
    path: &str,
    token: &str,
) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
    let request = Request::get(format!("http://x{path}"));
    let request = request.header("authorization", format!("Bearer {token}"));
    let none = Empty::new().map_err(|never| match never {});
    client.send_request(request.body(Body::new(none)).expect("a path"))
}

/// Sends a POST over HTTP/2.
///
/// # Panics
/// If the path is invalid.
pub fn post(
    client: &mut Http2,
    path: &str,
    token: &str,
    body: Body,
) -> impl Future<Output = hyper::Result<Response<Incoming>>> + use<> {
    let request = Request::post(format!("http://x{path}"));
    let request = request.header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}"));
    client.send_request(request.body(body).expect("a path"))
}

/// A complete body.
#[must_use]
pub fn whole(text: String) -> Body {
    Body::new(Full::from(text).map_err(|never| match never {}))
}

/// Reads one frame, of the size of the client's window, per interval until the response ends.
pub async fn trickle(mut answer: Incoming, every: Duration) {
    while let Some(Ok(_frame)) = answer.frame().await {
        if answer.is_end_stream() {
            return;
        }
        sleep(every).await;
    }
}

/// Sends over HTTP/1.1 without reading.
pub async fn send_only(stream: &mut TcpStream, text: &str) {
    // The connection may be cut meanwhile.
    let _ = stream.write_all(text.as_bytes()).await;
}

/// Whether the service has closed the connection; reads what is left first.
pub async fn is_cut(stream: &mut TcpStream) -> bool {
    let mut buffer = vec![0; 64 * 1024];
    let read = async { while matches!(stream.read(&mut buffer).await, Ok(1..)) {} };
    timeout(Duration::from_secs(2), read).await.is_ok()
}
