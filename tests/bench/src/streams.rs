//! Memory and delay of many streams.

use std::time::Duration;

use colloquy_tests::database::Backend;

use crate::load::Load;
use crate::options::Options;
use crate::report::{Line, milliseconds};

const STREAMS: usize = 1_000;
const DELAY_LIMIT: Duration = Duration::from_millis(50);
/// Per stream, in KiB.
const MEMORY_LIMIT: f64 = 64.0;

pub(crate) async fn measure(backend: Backend, options: &Options) -> Vec<Line> {
    let watch = options.watch;
    let watching = tokio::spawn(async move {
        let scene = watch.scene(backend).await;
        watch.streams(&scene, STREAMS).await
    });
    // Already reported; keep the other rows.
    let Ok(seen) = watching.await else {
        let failed = Line::new(format!("{STREAMS} streams"));
        return vec![failed.target("none refused, late or broken".to_owned(), false)];
    };
    let (p50, p99) = (seen.delays.at(0.5), seen.delays.at(0.99));
    let each = seen.during.saturating_sub(seen.before) as f64 / STREAMS as f64;
    let delayed = Line {
        load: Load {
            p50,
            p99,
            ..Load::default()
        },
        memory: Some(seen.during),
        ..Line::new(format!("{STREAMS} streams, delay of a token"))
    };
    let limit = format!("p99 <= {:.0} ms", milliseconds(DELAY_LIMIT));
    let sized = Line {
        memory: Some(seen.during - seen.before.min(seen.during)),
        ..Line::new(format!("{STREAMS} streams, memory of all"))
    };
    let size = format!("{each:.1} <= {MEMORY_LIMIT:.0} KiB each");
    vec![
        delayed.target(limit, p99 <= DELAY_LIMIT),
        sized.target(size, each <= MEMORY_LIMIT),
    ]
}
