//! One connection of the scripted model server.

use std::future::pending;
use std::io;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::reply::Step;
use super::{Request, Shared};

enum Stopped {
    ClientGone,
    Reset,
}

impl From<io::Error> for Stopped {
    fn from(_: io::Error) -> Self {
        Self::ClientGone
    }
}

pub(super) async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    while let Ok(Some(request)) = read_request(&mut stream).await {
        let reply = {
            let mut script = shared.script.lock().expect("no panic in a script");
            let reply = script.reply(&request);
            shared.requests.send_modify(|all| all.push(request.clone()));
            reply
        };
        let (steps, reusable) = reply.into_steps(&request);
        match play(&mut stream, steps).await {
            Ok(()) if reusable => {}
            Ok(()) | Err(Stopped::Reset) => return,
            Err(Stopped::ClientGone) => {
                shared.abandoned.send_modify(|count| *count += 1);
                return;
            }
        }
    }
}

async fn play(stream: &mut TcpStream, steps: Vec<Step>) -> Result<(), Stopped> {
    for step in steps {
        match step {
            Step::Send(bytes) => stream.write_all(&bytes).await?,
            Step::Say { text, times, every } => {
                for _ in 0..times {
                    stream.write_all(&text.event()).await?;
                    unless_gone(stream, sleep(every)).await?;
                }
            }
            Step::Wait(gate) => unless_gone(stream, gate.passed()).await?,
            Step::Pause(time) => unless_gone(stream, sleep(time)).await?,
            Step::Repeat {
                bytes,
                times,
                every,
            } => {
                let mut left = times.unwrap_or(usize::MAX);
                while left > 0 {
                    stream.write_all(&bytes).await?;
                    if !every.is_zero() {
                        unless_gone(stream, sleep(every)).await?;
                    }
                    left -= 1;
                }
            }
            Step::Reset => {
                stream.set_zero_linger()?;
                return Err(Stopped::Reset);
            }
        }
    }
    Ok(())
}

/// Waits for `done` unless the client disconnects.
async fn unless_gone(stream: &TcpStream, done: impl Future<Output = ()>) -> Result<(), Stopped> {
    let mut byte = [0];
    let gone = async {
        if let Ok(1..) = stream.peek(&mut byte).await {
            pending::<()>().await;
        }
    };
    tokio::select! {
        () = done => Ok(()),
        () = gone => Err(Stopped::ClientGone),
    }
}

/// The next request; `None` once closed.
async fn read_request(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    let mut received = Vec::new();
    let head_len = loop {
        if let Some(at) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut received).await? == 0 {
            return Ok(None);
        }
    };
    let mut body = received.split_off(head_len + 4);
    let mut request = parse_head(&String::from_utf8_lossy(&received[..head_len]));
    let length = request.header("content-length");
    let length = length.map_or(0, |length| length.parse().expect("a length"));
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    if length > 0 {
        request.body = serde_json::from_slice(&body).expect("a JSON body");
    }
    Ok(Some(request))
}

fn parse_head(head: &str) -> Request {
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut word = || first.next().unwrap_or_default().to_owned();
    let (method, path) = (word(), word());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
    Request {
        method,
        path,
        headers: headers.collect(),
        body: Value::Null,
    }
}
