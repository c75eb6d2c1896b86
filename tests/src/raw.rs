//! Raw bytes over sockets.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::client::Response;
use crate::server::Colloquy;

/// Silence after which a response counts as complete.
const QUIET: Duration = Duration::from_millis(100);
/// Maximum time until an abandoned connection is closed.
const PATIENCE: Duration = Duration::from_secs(30);

impl Colloquy {
    /// `127.0.0.1:<port>`.
    ///
    /// # Panics
    /// Never: tests do not use TLS.
    #[must_use]
    pub fn address(&self) -> &str {
        self.origin().strip_prefix("http://").expect("plain HTTP")
    }
}

/// Sends bytes and reads until the service closes or falls silent.
///
/// # Panics
/// If the service refuses or does not end the connection.
pub async fn exchange(address: &str, bytes: &[u8]) -> Vec<u8> {
    let connection = TcpStream::connect(address).await.expect("a connection");
    let (mut reader, mut writer) = connection.into_split();
    let mut answer = Vec::new();
    // Sends while reading: the response may come before everything is sent.
    let mut sending = std::pin::pin!(writer.write_all(bytes));
    let mut is_sent = false;
    loop {
        tokio::select! {
            read = reader.read_buf(&mut answer) => match read {
                Ok(1..) => {}
                _ => return answer,
            },
            _ = &mut sending, if !is_sent => is_sent = true,
            () = sleep(QUIET), if is_sent => break,
        }
    }
    let _ = writer.shutdown().await;
    let rest = timeout(PATIENCE, reader.read_to_end(&mut answer)).await;
    // A connection error ends it too.
    let _ = rest.expect("the service closes a connection that was left");
    answer
}

/// Sends a request until the service stops reading. Returns the body bytes sent, and the response.
///
/// # Panics
/// If the service refuses the connection, or neither answers nor closes.
pub async fn upload<'a>(
    address: &str,
    head: &[u8],
    body: impl IntoIterator<Item = &'a [u8]>,
) -> (u64, Vec<u8>) {
    let connection = TcpStream::connect(address).await.expect("a connection");
    let (mut reader, mut writer) = connection.into_split();
    let mut answer = Vec::new();
    let mut sent = 0;
    let send = async {
        writer.write_all(head).await?;
        for piece in body {
            writer.write_all(piece).await?;
            sent += piece.len() as u64;
        }
        std::io::Result::Ok(())
    };
    let receive = async {
        // Every response announces its length.
        while answers("", &answer).is_empty() {
            match reader.read_buf(&mut answer).await {
                Ok(1..) => {}
                _ => return,
            }
        }
    };
    let both = async {
        tokio::pin!(receive);
        tokio::select! {
            () = &mut receive => {}
            _ = send => receive.await,
        }
    };
    let answered = timeout(PATIENCE, both).await;
    answered.expect("the service answers or closes");
    (sent, answer)
}

/// Parses HTTP/1 responses, without a truncated one.
///
/// # Panics
/// On other bytes.
#[must_use]
pub fn answers(request: &str, bytes: &[u8]) -> Vec<Response> {
    let mut answers = Vec::new();
    let mut rest = bytes;
    while let Some(end) = find(rest, b"\r\n\r\n") {
        let (status, headers) = head(request, &rest[..end]);
        rest = &rest[end + 4..];
        if status < 200 {
            continue;
        }
        let length = headers.get("content-length").map(|length| {
            let length = length.to_str().ok().and_then(|it| it.parse().ok());
            length.expect("a number")
        });
        let length = match length {
            // A response to HEAD has a length but no body.
            _ if rest.starts_with(b"HTTP/1.") => 0,
            Some(length) if length > rest.len() => break,
            Some(length) => length,
            None => rest.len(),
        };
        let body = Bytes::copy_from_slice(&rest[..length]);
        rest = &rest[length..];
        answers.push(Response::read(request, status, headers, body));
    }
    answers
}

fn head(request: &str, head: &[u8]) -> (u16, HeaderMap) {
    let about = || format!("{request}: {}", String::from_utf8_lossy(head));
    let head = std::str::from_utf8(head).unwrap_or_else(|_| panic!("{}", about()));
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| {
        let rest = line.strip_prefix("HTTP/1.")?;
        rest.get(2..5)?.parse().ok()
    });
    let header = |line: &str| -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = line.split_once(": ")?;
        Some((name.parse().ok()?, value.parse().ok()?))
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = header(line).unwrap_or_else(|| panic!("{}", about()));
        headers.append(name, value);
    }
    (status.unwrap_or_else(|| panic!("{}", about())), headers)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|at| at == wanted)
}
