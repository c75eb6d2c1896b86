use colloquy_tests::server::Colloquy;

/// The resident memory of the process in KiB, as Linux counts it.
pub(crate) fn resident(server: &Colloquy) -> u64 {
    memory(server, "VmRSS")
}

/// The most that it ever was.
pub(crate) fn peak(server: &Colloquy) -> u64 {
    memory(server, "VmHWM")
}

fn memory(server: &Colloquy, name: &str) -> u64 {
    let id = server.process().id().expect("the service runs");
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.expect("a size").parse().expect("a number")
}
