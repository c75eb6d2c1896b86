//! The cost of clients that stop reading.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use colloquy_tests::client::API;
use colloquy_tests::database::Backend;
use colloquy_tests::model_server::{Reply, Script};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{sleep, timeout};

use colloquy_tests::measure::memory::resident;
use colloquy_tests::measure::scene::Scene;

use crate::reads::reads;

/// Clients that never read their stream.
const CLIENTS: usize = 200;
/// Their receive buffer.
const RECEIVE_BUFFER: u32 = 4096;
/// Pieces per answer, and bytes per piece.
const PIECES: usize = 1024;
const PIECE: usize = 1024;
/// Observation time; stalled streams are cut after 30 seconds.
const WATCHED: Duration = Duration::from_secs(90);
const BETWEEN: Duration = Duration::from_secs(10);
/// Timed reads of another client.
const READS: usize = 100;

/// Memory, latency of others, and whether the answers are stored.
pub(crate) async fn stalled(backend: Backend) {
    let piece = "x".repeat(PIECE);
    let reply = Reply::events().saying(move || piece.clone(), PIECES, Duration::from_millis(1));
    let scene = Scene::with(backend, Script::from(reply.finish("stop").done())).await;
    let threads = scene.threads(CLIENTS).await;
    println!(
        "before: {} KiB, others {}",
        resident(&scene.server),
        reads(&scene.user, READS).await
    );
    let began = Instant::now();
    let mut clients = Vec::new();
    for thread in &threads {
        clients.push(ask(&scene, thread).await);
    }
    while began.elapsed() < WATCHED {
        sleep(BETWEEN).await;
        let second = began.elapsed().as_secs();
        let memory = resident(&scene.server);
        println!(
            "{second:>3} s: {memory} KiB, others {}",
            reads(&scene.user, READS).await
        );
    }
    let mut cut = 0;
    for client in &mut clients {
        cut += usize::from(is_over(client).await);
    }
    let mut whole = 0;
    for thread in &threads {
        let messages = scene.user.get(&format!("/threads/{thread}/messages")).await;
        let messages = messages.expect(200);
        let content = messages[1]["content"].as_str().unwrap_or_default();
        whole += usize::from(content.len() == PIECES * PIECE);
    }
    println!("{cut} of {CLIENTS} streams cut, {whole} answers stored whole");
}

async fn ask(scene: &Scene, thread: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .set_recv_buffer_size(RECEIVE_BUFFER)
        .expect("a small buffer");
    let address: SocketAddr = scene
        .server
        .origin()
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let mut stream = socket.connect(address).await.expect("the service");
    let body = format!(
        r#"{{"assistant_id": "{}", "content": "Hi"}}"#,
        scene.assistant
    );
    let request = format!(
        "POST {API}/threads/{thread}/messages HTTP/1.1\r\nhost: {address}\r\n\
         authorization: Bearer {}\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        scene.user.token(),
        body.len(),
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream
}

/// Whether the stream ends before the answer does.
async fn is_over(stream: &mut TcpStream) -> bool {
    let mut buffer = vec![0; 64 * 1024];
    let mut count = 0;
    loop {
        match timeout(Duration::from_secs(1), stream.read(&mut buffer)).await {
            Ok(Ok(0) | Err(_)) => return count < PIECES * PIECE,
            Ok(Ok(length)) => count += length,
            Err(_) => return false,
        }
    }
}
