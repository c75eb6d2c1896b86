//! Support for `examples/measure` and the bench.

pub mod memory;
pub mod scene;
pub mod streams;
pub mod times;
