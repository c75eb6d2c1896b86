//! The memory of the service's process, as Linux counts it.

use crate::server::Colloquy;

/// The resident memory of the process in KiB.
///
/// # Panics
/// Elsewhere than on Linux, or when the service has ended.
#[must_use]
pub fn resident(server: &Colloquy) -> u64 {
    memory(server, "VmRSS")
}

/// Has [`peak`] begin anew.
///
/// # Panics
/// As [`resident`].
pub fn reset_peak(server: &Colloquy) {
    let id = server.process().id().expect("the service runs");
    std::fs::write(format!("/proc/{id}/clear_refs"), "5").expect("Linux");
}

/// The most that it ever was, or was since [`reset_peak`].
///
/// # Panics
/// As [`resident`].
#[must_use]
pub fn peak(server: &Colloquy) -> u64 {
    memory(server, "VmHWM")
}

fn memory(server: &Colloquy, name: &str) -> u64 {
    let id = server.process().id().expect("the service runs");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.expect("a size").parse().expect("a number")
}
