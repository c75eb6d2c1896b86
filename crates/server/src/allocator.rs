//! The allocator of the program: requests make many small blocks, on all cores at once, for which
//! jemalloc takes half the time of glibc's. `.cargo/config.toml` says how it keeps memory.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
