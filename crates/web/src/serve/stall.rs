//! Gives up on clients that read too slowly or send too much besides requests.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use super::activity::Activity;
use super::overhead::Overhead;

/// Bytes per second; slower clients count as stalled.
pub(super) const MIN_RATE: u64 = 1024;
/// A larger read makes hyper's 8 KiB buffer grow, and it never shrinks while a body is awaited.
const MAX_READ: usize = 8 * 1024 - 1;

/// Fails when the peer reads too slowly: waiting writes use up `limit`, and each byte taken
/// restores its time at [`MIN_RATE`].
pub(super) struct StallLimit<S> {
    inner: S,
    limit: Duration,
    left: Duration,
    waiting: Option<WaitingWrite>,
    activity: Activity,
    overhead: Overhead,
}

struct WaitingWrite {
    since: Instant,
    over: Pin<Box<Sleep>>,
}

impl<S> StallLimit<S> {
    pub(super) fn new(inner: S, limit: Duration, activity: Activity) -> Self {
        Self {
            inner,
            limit,
            left: limit,
            waiting: None,
            activity,
            overhead: Overhead::default(),
        }
    }

    pub(super) fn with_overhead(self, overhead: Overhead) -> Self {
        Self { overhead, ..self }
    }

    fn limited(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(result) = written else {
            return self.wait(context);
        };
        if let Some(waiting) = self.waiting.take() {
            self.left = self.left.saturating_sub(waiting.since.elapsed());
            self.activity.set_blocked(false);
        }
        if let Ok(bytes) = result {
            self.left = self
                .left
                .saturating_add(time_for(bytes as u64))
                .min(self.limit);
        }
        Poll::Ready(result)
    }

    fn wait(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let left = self.left;
        let waiting = self.waiting.get_or_insert_with(|| WaitingWrite {
            since: Instant::now(),
            over: Box::pin(sleep(left)),
        });
        self.activity.set_blocked(true);
        let over = waiting.over.as_mut().poll(context);
        over.map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// How long so many bytes may take.
pub(crate) fn time_for(bytes: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000 / MIN_RATE))
}

impl<S: AsyncRead + Unpin> AsyncRead for StallLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = buffer.remaining().min(MAX_READ);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(length));
        let read = Pin::new(&mut self.inner).poll_read(context, &mut part);
        let filled = part.filled().len();
        buffer.advance(filled);
        if !self.overhead.spend(filled) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for StallLimit<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.limited(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.limited(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, sleep};

    use super::{MIN_RATE, StallLimit};
    use crate::serve::Activity;

    const LIMIT: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_reader_who_takes_nothing_is_given_up() {
        let (server, _client) = duplex(10);
        let mut server = StallLimit::new(server, LIMIT, Activity::default());
        let begin = Instant::now();
        let written = server.write_all(&[0; 11]).await;
        assert_eq!(
            written.map_err(|error| error.kind()),
            Err(io::ErrorKind::TimedOut)
        );
        assert_eq!(begin.elapsed(), LIMIT);
    }

    /// Whether a client that reads `bytes` per second lasts ten minutes.
    async fn is_waited_for(bytes: usize) -> bool {
        let (server, mut client) = duplex(10);
        let mut server = StallLimit::new(server, LIMIT, Activity::default());
        let read = async {
            for _ in 0..600 {
                sleep(Duration::from_secs(1)).await;
                client.read_exact(&mut vec![0; bytes]).await.unwrap();
            }
        };
        let data = vec![0; bytes * 600];
        tokio::select! {
            written = server.write_all(&data) => written.is_ok(),
            () = read => true,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reader_is_waited_for_and_one_who_only_trickles_is_not() {
        let rate = usize::try_from(MIN_RATE).unwrap();
        assert!(is_waited_for(rate * 2).await);
        assert!(!is_waited_for(1).await);
        assert!(!is_waited_for(rate / 2).await);
    }

    #[tokio::test]
    async fn a_read_does_not_fill_a_whole_buffer() {
        let (server, mut client) = duplex(64 * 1024);
        client.write_all(&[1; 32 * 1024]).await.unwrap();
        let mut server = StallLimit::new(server, LIMIT, Activity::default());
        let mut read = vec![0; 32 * 1024];
        assert!(server.read(&mut read).await.unwrap() < 8 * 1024);
        server.read_exact(&mut read[..20_000]).await.unwrap();
        assert_eq!(read[..20_000], [1; 20_000]);
    }
}
