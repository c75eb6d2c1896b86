//! Concurrent streams.

use std::time::Duration;

use colloquy_tests::database::Backend;
use colloquy_tests::measure::streams::Watch;

const WATCH: Watch = Watch {
    opening: Duration::from_secs(15),
    watched: Duration::from_secs(15),
};

/// Concurrent runs: memory per stream, token delay, PostgreSQL commits.
pub(crate) async fn streams(backend: Backend) {
    for count in [1, 200, 1_000] {
        let scene = WATCH.scene(backend).await;
        let seen = WATCH.streams(&scene, count).await;
        let (before, during) = (seen.before, seen.during);
        let each = during.saturating_sub(before) as f64 / count as f64;
        println!("{count:>5} streams, delay of a token: {}", seen.delays);
        println!("      memory {before} KiB before, {during} KiB during, {each:.1} KiB a stream");
        if backend == Backend::Postgres {
            println!("      {:.0} transactions a second", seen.commits);
        }
    }
}
