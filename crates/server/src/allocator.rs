//! How the system's allocator deals with large blocks.

use std::env;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// From which size on a block is the system's own and goes back to it when it is freed.
const LARGE_BLOCK: usize = 256 * 1024;

/// Has glibc's allocator give large blocks back at once. Left alone it learns, from the first ones
/// that are freed, to keep such blocks, in several heaps per core: after some pictures and long
/// answers the process would hold twice the memory that it needs.
///
/// The allocator reads its settings when a process begins, so the program is started once more, in
/// the same process. Where that fails it goes on as it is; what the operator has set stays.
pub(crate) fn settle() {
    if !cfg!(target_env = "gnu") {
        return;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let settings = [
        ("MALLOC_ARENA_MAX", cores),
        ("MALLOC_MMAP_THRESHOLD_", LARGE_BLOCK),
    ];
    let missing = settings.into_iter();
    let missing: Vec<_> = missing
        .filter(|(name, _)| env::var_os(name).is_none())
        .map(|(name, value)| (name, value.to_string()))
        .collect();
    if missing.is_empty() {
        return;
    }
    if let Ok(program) = env::current_exe() {
        let mut arguments = env::args_os();
        let name = arguments.next().unwrap_or_else(|| program.clone().into());
        // Returns only when it fails.
        let _failure = Command::new(program)
            .arg0(name)
            .args(arguments)
            .envs(missing)
            .exec();
    }
}
