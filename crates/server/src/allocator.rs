//! The binary's allocator: with many small blocks on all cores, jemalloc is twice as fast as glibc.

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub use std::alloc::System as Allocator;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub use tikv_jemallocator::Jemalloc as Allocator;
