//! Signals that end the program, and one that must not.

use std::io;

use rustix::process::Signal as Number;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// As a shell reports a program that an interrupt has ended.
const EXIT_BY_SECOND_SIGNAL: i32 = 130;

/// Cancels the returned token at the first SIGTERM or SIGINT; a second one ends the process at
/// once, whatever it is doing.
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
        tracing::warn!("stopped at once by a second signal");
        std::process::exit(EXIT_BY_SECOND_SIGNAL);
    });
    Ok(stop)
}

/// Has a write beyond the limit on the size of files fail like any other that finds no room, instead
/// of ending the process.
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    signal(SignalKind::from_raw(Number::XFSZ.as_raw())).map(drop)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
