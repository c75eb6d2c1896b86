//! Signal handling.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// As a shell reports an interrupt.
const EXIT_BY_SECOND_SIGNAL: i32 = 130;

/// Cancelled by the first SIGTERM or SIGINT; a second one exits at once.
pub(crate) fn stop_token() -> io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        next(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping");
        first.cancel();
        next(&mut terminate, &mut interrupt).await;
        tracing::warn!("second stop signal; stopping at once");
        std::process::exit(EXIT_BY_SECOND_SIGNAL);
    });
    Ok(stop)
}

/// Writes beyond the file size limit fail instead of killing the process.
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    signal(SignalKind::from_raw(Number::XFSZ.as_raw())).map(drop)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
