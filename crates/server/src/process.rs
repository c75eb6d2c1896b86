//! Process metrics.

use std::fs;

use chrono::{DateTime, Utc};
use colloquy_application::ports::{Reading, Readings};

/// Prometheus's usual process metrics; without `/proc` only the start time.
#[derive(Debug)]
pub(crate) struct ThisProcess {
    pub(crate) started_at: DateTime<Utc>,
}

impl Readings for ThisProcess {
    fn readings(&self) -> Vec<Reading> {
        let started_at = Reading::level(
            "process_start_time_seconds",
            "Start time of the process, in Unix time",
            self.started_at.timestamp(),
        );
        let memory = resident_bytes().map(|bytes| {
            Reading::level(
                "process_resident_memory_bytes",
                "Resident memory of the process",
                bytes,
            )
        });
        let open = open_descriptors()
            .map(|count| Reading::level("process_open_fds", "Open files and sockets", count));
        let max = max_descriptors().map(|count| {
            Reading::level("process_max_fds", "Maximum open files and sockets", count)
        });
        [Some(started_at), memory, open, max]
            .into_iter()
            .flatten()
            .collect()
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Without the descriptor that counting opens.
fn open_descriptors() -> Option<usize> {
    let entries = fs::read_dir("/proc/self/fd").ok()?;
    Some(entries.count().saturating_sub(1))
}

fn max_descriptors() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}
