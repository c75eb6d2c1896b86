//! Memory of the service, from Linux.

use crate::server::Colloquy;

/// Resident memory in KiB.
///
/// # Panics
/// If not on Linux, or the service has exited.
#[must_use]
pub fn resident(server: &Colloquy) -> u64 {
    memory(server, "VmRSS")
}

/// Resets [`peak`].
///
/// # Panics
/// Like [`resident`].
pub fn reset_peak(server: &Colloquy) {
    let id = server.process().id().expect("the service runs");
    std::fs::write(format!("/proc/{id}/clear_refs"), "5").expect("Linux");
}

/// Maximum resident memory in KiB since start or [`reset_peak`].
///
/// # Panics
/// Like [`resident`].
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
