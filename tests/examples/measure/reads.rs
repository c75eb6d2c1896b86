//! Read latency.

use std::time::Instant;

use colloquy_tests::client::Client;
use colloquy_tests::measure::times::Times;

/// Latency of `count` sequential reads.
pub(crate) async fn reads(user: &Client, count: usize) -> Times {
    let mut times = Vec::new();
    for _ in 0..count {
        let began = Instant::now();
        user.get("/assistants").await.expect(200);
        times.push(began.elapsed());
    }
    Times::from(times)
}
