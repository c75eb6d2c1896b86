//! `colloquy healthcheck`, for containers without curl.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::address::reachable;
use crate::config::Configuration;
use crate::fatal_error::FatalError;

const LIMIT: Duration = Duration::from_secs(5);
const MAX_ANSWER: u64 = 512;

pub(crate) async fn healthcheck(configuration: &Configuration) -> Result<(), FatalError> {
    let address = reachable(configuration.settings.listen);
    let status = match timeout(LIMIT, ask(address)).await {
        Ok(answer) => answer.map_err(|error| refused(address, &error.to_string()))?,
        Err(elapsed) => return Err(refused(address, &elapsed.to_string())),
    };
    if status.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(refused(address, &status))
}

async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("GET /health/ready HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(answer.lines().next().unwrap_or_default().to_owned())
}

fn refused(address: SocketAddr, why: &str) -> FatalError {
    FatalError::Refused(format!("{address} is not ready: {why}"))
}
