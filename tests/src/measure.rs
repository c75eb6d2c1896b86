//! What measuring the service takes, for the figures of `examples/measure` and for the bench.

pub mod memory;
pub mod scene;
pub mod streams;
pub mod times;
