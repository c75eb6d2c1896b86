//! `make bench`: the service's speed compared with the machine's at the same time.
//!
//! `docs/performance.md` explains the output.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a tool for developers"
)]

mod ceiling;
mod fill;
mod growth;
mod load;
mod options;
mod posts;
mod process;
mod reads;
mod report;
mod stage;
mod store;
mod streams;

use std::process::ExitCode;
use std::time::Instant;

use colloquy_tests::database::Backend;
use colloquy_tests::process::binary;

use crate::options::Options;
use crate::report::Line;
use crate::stage::{Size, Stage};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, program] = &arguments[..]
        && first == ceiling::ARGUMENT
    {
        ceiling::serve(program).await;
        return ExitCode::SUCCESS;
    }
    let options = Options::read(&arguments);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!(
        "{} on {cores} cores; load before: {}",
        binary().display(),
        load.trim()
    );
    let mut is_missed = false;
    for backend in &options.backends {
        let began = Instant::now();
        let lines = measure(*backend, &options).await;
        println!("\n{backend:?}, in {:.0} s\n", began.elapsed().as_secs_f64());
        report::print(&lines);
        is_missed |= lines.iter().any(|line| line.is_met == Some(false));
    }
    ExitCode::from(u8::from(is_missed && options.is_strict))
}

async fn measure(backend: Backend, options: &Options) -> Vec<Line> {
    let mut stage = Stage::set(backend).await;
    stage.fill(&Size::USUAL).await;
    let mut lines = process::measure(&mut stage).await;
    if options.has_reads {
        lines.extend(reads::measure(&stage, options).await);
    }
    if options.has_posts {
        lines.extend(posts::measure(&stage, options).await);
    }
    if options.is_full {
        let usual = growth::costs(&stage).await;
        stage.fill(&Size::TENFOLD).await;
        let tenfold = growth::costs(&stage).await;
        lines.extend(growth::compare(&usual, tenfold));
        lines.push(growth::passed_over(&mut stage).await);
    }
    drop(stage);
    if options.has_streams {
        lines.extend(streams::measure(backend, options).await);
    }
    lines
}
