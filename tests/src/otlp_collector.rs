//! A trace collector for OTLP over HTTP.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::ResourceSpans;
use prost::Message as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub use opentelemetry_proto::tonic::{common, trace};

/// The collector; stops on drop.
pub struct OtlpCollector {
    address: String,
    batches: Batches,
    _serving: JoinSet<()>,
}

/// One export request.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Path.
    pub path: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Raw body.
    pub body: Bytes,
}

type Batches = Arc<Mutex<Vec<Batch>>>;

impl OtlpCollector {
    /// Starts an empty collector.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let batches = Batches::default();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&batches)));
        Self {
            address,
            batches,
            _serving: serving,
        }
    }

    /// `127.0.0.1:<port>`.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The export requests so far.
    #[must_use]
    pub fn batches(&self) -> Vec<Batch> {
        let batches = self.batches.lock();
        batches.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The batch's spans with their resources.
    ///
    /// # Panics
    /// If it is malformed.
    #[must_use]
    pub fn resources(&self) -> Vec<ResourceSpans> {
        let batches = self.batches().into_iter();
        let requests = batches.map(|batch| ExportTraceServiceRequest::decode(batch.body));
        requests
            .flat_map(|request| request.expect("a request for export").resource_spans)
            .collect()
    }
}

async fn serve(listener: TcpListener, batches: Batches) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(take_all(stream, Arc::clone(&batches)));
    }
}

async fn take_all(stream: TcpStream, batches: Batches) {
    let service = service_fn(move |request| take(request, Arc::clone(&batches)));
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // Clients may disconnect.
    let _ = connection.await;
}

async fn take(
    request: Request<Incoming>,
    batches: Batches,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a whole body").to_bytes();
    let batch = Batch {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body,
    };
    let mut batches = batches.lock().unwrap_or_else(PoisonError::into_inner);
    batches.push(batch);
    // An empty message accepts everything.
    Ok(Response::new(Full::default()))
}
