//! OTLP traces of runs.

#[cfg(feature = "otlp")]
mod client;
#[cfg(feature = "otlp")]
mod exporter;
#[cfg(not(feature = "otlp"))]
mod none;
#[cfg(feature = "otlp")]
mod otlp;

#[cfg(not(feature = "otlp"))]
pub(crate) use none::Traces;
#[cfg(feature = "otlp")]
pub(crate) use otlp::Traces;
