//! Exports traces over OTLP.

use std::time::Duration;

use colloquy_application::ports::BoxError;
use colloquy_application::spans;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};
use tokio::runtime::Handle;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::filter_fn;
use url::Url;

use super::client::Client;
use super::exporter::Exporter;
use crate::config::TraceSettings;
use crate::fatal_error::FatalError;
use crate::logging::Listener;

/// Queued spans; more are dropped.
const MAX_WAITING: usize = 8192;
const BATCH: usize = 512;
const DELAY: Duration = Duration::from_secs(2);
/// Per batch, retries included.
const TIME: Duration = Duration::from_secs(10);
/// For the last batch at exit.
const CLOSE_TIME: Duration = Duration::from_secs(2);

/// Exports from its own thread.
pub(crate) struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// No I/O yet; requests run on `runtime`.
    pub(crate) fn open(
        settings: Option<&TraceSettings>,
        runtime: &Handle,
    ) -> Result<Self, FatalError> {
        let provider = settings.map(|settings| provider(settings, runtime));
        Ok(Self(provider.transpose().map_err(FatalError::Traces)?))
    }

    /// Independent of what is logged.
    pub(crate) fn listener(&self) -> Option<Listener> {
        let tracer = self.0.as_ref()?.tracer(env!("CARGO_PKG_NAME"));
        let spans = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false);
        let filter = filter_fn(is_for_traces).with_max_level_hint(LevelFilter::INFO);
        Some(spans.with_filter(filter).boxed())
    }

    pub(crate) fn close(self) {
        let closed = self
            .0
            .map(|provider| provider.shutdown_with_timeout(CLOSE_TIME));
        if let Some(Err(error)) = closed {
            tracing::warn!(%error, "last traces not sent");
        }
    }
}

fn provider(settings: &TraceSettings, runtime: &Handle) -> Result<SdkTracerProvider, BoxError> {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Client::new(runtime.clone(), TIME)?)
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(traces_url(&settings.endpoint))
        .with_timeout(TIME)
        .build()?;
    let batches = BatchConfigBuilder::default()
        .with_max_queue_size(MAX_WAITING)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(DELAY)
        .build();
    let processor = BatchSpanProcessor::builder(Exporter(exporter))
        .with_batch_config(batches)
        .build();
    let sampler = Sampler::TraceIdRatioBased(settings.sample_ratio);
    Ok(SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_sampler(Sampler::ParentBased(Box::new(sampler)))
        .with_resource(resource(settings))
        .build())
}

fn traces_url(endpoint: &Url) -> String {
    let endpoint = endpoint.as_str().trim_end_matches('/');
    format!("{endpoint}/v1/traces")
}

fn resource(settings: &TraceSettings) -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    Resource::builder()
        .with_service_name(settings.service_name.clone())
        .with_attribute(version)
        .build()
}

/// Not events: their text belongs to the log.
fn is_for_traces(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == spans::TARGET
}
