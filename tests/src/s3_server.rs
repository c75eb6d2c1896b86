//! An in-memory S3 server that verifies signatures.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const BUCKET: &str = "colloquy";
const PREFIX: &str = "some/prefix";
const ACCESS_KEY: &str = "AKIACOLLOQUYTESTS";
const SECRET_KEY: &str = "a secret of the tests";
/// Small, so that lists take several requests.
const KEYS_PER_LIST: usize = 3;

/// The server; stops on drop.
pub struct S3Server {
    address: String,
    bucket: Bucket,
    _serving: JoinSet<()>,
}

impl S3Server {
    /// Starts a server with an empty bucket.
    pub async fn start() -> Self {
        let bucket = Bucket::default();
        let mut builder = S3ServiceBuilder::new(bucket.clone());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, builder.build()));
        Self {
            address,
            bucket,
            _serving: serving,
        }
    }

    /// The blob URL: a prefix in the bucket.
    #[must_use]
    pub fn url(&self) -> String {
        format!("s3://{BUCKET}/{PREFIX}")
    }

    /// The `AWS_*` variables that give access.
    #[must_use]
    pub fn settings(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        [
            ("AWS_ENDPOINT", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Sorted keys below the prefix.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        let objects = self.bucket.objects();
        let below = |key: &String| Some(key.strip_prefix(PREFIX)?.strip_prefix('/')?.to_owned());
        objects.keys().filter_map(below).collect()
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        connections.spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            // Clients may disconnect.
            let _ = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The only bucket.
#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<BTreeMap<String, Stored>>>);

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    modified: SystemTime,
}

impl Bucket {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, bucket: &str, key: &str) -> S3Result<Stored> {
        check(bucket)?;
        let found = self.objects().get(key).cloned();
        found.ok_or_else(|| s3_error!(NoSuchKey))
    }
}

fn check(bucket: &str) -> S3Result<()> {
    if bucket == BUCKET {
        return Ok(());
    }
    Err(s3_error!(NoSuchBucket))
}

impl Stored {
    fn length(&self) -> Option<i64> {
        self.bytes.len().try_into().ok()
    }

    fn tag(&self) -> Option<ETag> {
        Some(ETag::Strong(format!("{:x}", self.bytes.len())))
    }

    fn modified(&self) -> Option<Timestamp> {
        Some(Timestamp::from(self.modified))
    }
}

#[async_trait::async_trait]
impl S3 for Bucket {
    #[expect(
        clippy::disallowed_methods,
        reason = "clients expect a time, and make nothing of it"
    )]
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        check(&input.bucket)?;
        let body = input.body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let bytes: BytesMut = body
            .try_collect::<Vec<Bytes>>()
            .await
            .map_err(|_| s3_error!(IncompleteBody))?
            .into_iter()
            .flatten()
            .collect();
        let stored = Stored {
            bytes: bytes.freeze(),
            modified: SystemTime::now(),
        };
        let output = PutObjectOutput {
            e_tag: stored.tag(),
            ..PutObjectOutput::default()
        };
        self.objects().insert(input.key, stored);
        Ok(S3Response::new(output))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let stored = self.find(&request.input.bucket, &request.input.key)?;
        Ok(S3Response::new(GetObjectOutput {
            content_length: stored.length(),
            e_tag: stored.tag(),
            last_modified: stored.modified(),
            body: Some(StreamingBlob::from(Body::from(stored.bytes))),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let stored = self.find(&request.input.bucket, &request.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: stored.length(),
            e_tag: stored.tag(),
            last_modified: stored.modified(),
            ..HeadObjectOutput::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        check(&request.input.bucket)?;
        self.objects().remove(&request.input.key);
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        check(&request.input.bucket)?;
        let mut objects = self.objects();
        let deleted = request.input.delete.objects.into_iter().map(|object| {
            objects.remove(&object.key);
            DeletedObject {
                key: Some(object.key),
                ..DeletedObject::default()
            }
        });
        Ok(S3Response::new(DeleteObjectsOutput {
            deleted: Some(deleted.collect()),
            ..DeleteObjectsOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        check(&input.bucket)?;
        let prefix = input.prefix.unwrap_or_default();
        let after = input.continuation_token.or(input.start_after);
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        let objects = self.objects();
        let mut matching = objects
            .range((after, Bound::Unbounded))
            .filter(|(key, _)| key.starts_with(&prefix));
        let contents: Vec<Object> = matching
            .by_ref()
            .take(KEYS_PER_LIST)
            .map(|(key, stored)| Object {
                key: Some(key.clone()),
                size: stored.length(),
                e_tag: stored.tag(),
                last_modified: stored.modified(),
                ..Object::default()
            })
            .collect();
        let is_truncated = matching.next().is_some();
        let last = contents.last().and_then(|object| object.key.clone());
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: contents.len().try_into().ok(),
            is_truncated: Some(is_truncated),
            next_continuation_token: last.filter(|_| is_truncated),
            contents: Some(contents),
            ..ListObjectsV2Output::default()
        }))
    }
}
