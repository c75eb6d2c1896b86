//! The span exporter.

use std::time::Duration;

use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};

/// A list, which `tracing` fields cannot be.
const LIST: &str = "gen_ai.response.finish_reasons";

/// Exports spans with the attribute types of the semantic conventions.
#[derive(Debug)]
pub(super) struct Exporter(pub(super) opentelemetry_otlp::SpanExporter);

impl SpanExporter for Exporter {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        let attributes = batch.iter_mut().flat_map(|span| &mut span.attributes);
        attributes.for_each(make_list);
        self.0.export(batch).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn make_list(attribute: &mut KeyValue) {
    if attribute.key.as_str() != LIST {
        return;
    }
    if let Value::String(only) = &attribute.value {
        attribute.value = Value::Array(Array::String(vec![only.clone()]));
    }
}
