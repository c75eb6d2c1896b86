//! Start time and memory of the service.

use std::time::{Duration, Instant};

use colloquy_tests::measure::memory::resident;
use colloquy_tests::process::binary;
use tokio::time::sleep;

use crate::load::Load;
use crate::report::Line;
use crate::stage::Stage;

const STARTS: usize = 5;
const START_LIMIT: Duration = Duration::from_millis(150);
/// Idle time before memory is read.
const REST: Duration = Duration::from_secs(1);
const IDLE_LIMIT: u64 = 30 * 1_024;
const BINARY_LIMIT: u64 = 40 * 1_024;

pub(crate) async fn measure(stage: &mut Stage) -> Vec<Line> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        stage.scene.server.stop().await;
        let began = Instant::now();
        stage.scene.restart().await;
        starts.push(began.elapsed());
    }
    starts.sort_unstable();
    let start = starts[STARTS / 2];
    sleep(REST).await;
    let idle = resident(&stage.scene.server);
    let binary = std::fs::metadata(binary()).expect("the binary").len() / 1_024;
    let sized = |name: &str, kib: u64, limit: u64| {
        let line = Line {
            memory: Some(kib),
            ..Line::new(name)
        };
        line.target(format!("<= {} MiB", limit / 1_024), kib <= limit)
    };
    let started = Line {
        load: Load {
            p50: start,
            ..Load::default()
        },
        ..Line::new("start to ready")
    };
    let started = if stage.is_on_sqlite() {
        started.target("<= 150 ms".to_owned(), start <= START_LIMIT)
    } else {
        started
    };
    vec![
        started,
        sized("idle", idle, IDLE_LIMIT),
        sized("binary", binary, BINARY_LIMIT),
    ]
}
