//! HTTP/2 frames that are no requests.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{PATIENCE, Server};

/// An HTTP/2 frame without payload besides these bytes.
fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 0];
    frame.extend(payload);
    frame
}

#[tokio::test]
async fn a_flood_of_frames_without_requests_ends_the_connection() {
    const SETTINGS: u8 = 4;
    const PING: u8 = 6;
    const UNKNOWN: u8 = 200;
    let server = Server::patient().await;
    for flood in [
        frame(PING, b"12345678"),
        frame(SETTINGS, b""),
        frame(UNKNOWN, b""),
    ] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let (mut from_server, mut to_server) = stream.into_split();
        let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &*frame(SETTINGS, b"")].concat();
        to_server.write_all(&preface).await.unwrap();
        let flooding = async {
            let frames = flood.repeat(4_096);
            while to_server.write_all(&frames).await.is_ok() {}
        };
        let reading = async {
            let mut buffer = vec![0; 64 * 1024];
            while matches!(from_server.read(&mut buffer).await, Ok(1..)) {}
        };
        timeout(PATIENCE, async { tokio::join!(flooding, reading) })
            .await
            .expect("it is cut");
    }
}
