//! An in-memory S3 server that verifies signatures.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CreateMultipartUploadInput, CreateMultipartUploadOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject,
    ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput, ListObjectsV2Input,
    ListObjectsV2Output, Object, PutObjectInput, PutObjectOutput, StreamingBlob, Timestamp,
    UploadPartInput, UploadPartOutput,
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

    /// Number of uploads in parts that were neither completed nor aborted.
    #[must_use]
    pub fn unfinished_uploads(&self) -> usize {
        self.bucket.uploads().len()
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
struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Stored>>>,
    /// Parts by number of each upload by its ID.
    uploads: Arc<Mutex<BTreeMap<String, Parts>>>,
}

type Parts = BTreeMap<i32, Bytes>;

/// What S3 wants of all parts but the last.
const LEAST_PART: usize = 5 * 1024 * 1024;

#[derive(Clone)]
struct Stored {
    bytes: Bytes,
    modified: SystemTime,
}

impl Bucket {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn uploads(&self) -> MutexGuard<'_, BTreeMap<String, Parts>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "clients expect a time, and make nothing of it"
    )]
    fn store(&self, key: String, bytes: Bytes) -> Option<ETag> {
        let stored = Stored {
            bytes,
            modified: SystemTime::now(),
        };
        let tag = stored.tag();
        self.objects().insert(key, stored);
        tag
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

async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
    let pieces: Vec<Bytes> = body
        .try_collect()
        .await
        .map_err(|_| s3_error!(IncompleteBody))?;
    Ok(pieces.concat().into())
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
    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let input = request.input;
        check(&input.bucket)?;
        let bytes = whole(input.body).await?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: self.store(input.key, bytes),
            ..PutObjectOutput::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = request.input;
        check(&input.bucket)?;
        let mut uploads = self.uploads();
        let last = uploads.last_key_value();
        let number = last.map_or(0, |(id, _)| id.parse().unwrap_or(0)) + 1;
        let id = format!("{number:08}");
        uploads.insert(id.clone(), Parts::new());
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let input = request.input;
        check(&input.bucket)?;
        let bytes = whole(input.body).await?;
        let mut uploads = self.uploads();
        let parts = uploads.get_mut(&input.upload_id);
        let parts = parts.ok_or_else(|| s3_error!(NoSuchUpload))?;
        parts.insert(input.part_number, bytes);
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(input.part_number.to_string())),
            ..UploadPartOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = request.input;
        check(&input.bucket)?;
        let parts = self.uploads().remove(&input.upload_id);
        let parts = parts.ok_or_else(|| s3_error!(NoSuchUpload))?;
        let named = input.multipart_upload.and_then(|it| it.parts);
        let named: Vec<_> = named.unwrap_or_default();
        let named = named.iter().filter_map(|part| part.part_number);
        if !named.eq(parts.keys().copied()) {
            return Err(s3_error!(InvalidPart));
        }
        let parts: Vec<Bytes> = parts.into_values().collect();
        let but_last = parts.split_last().map_or(&[][..], |(_, others)| others);
        if but_last.iter().any(|part| part.len() < LEAST_PART) {
            return Err(s3_error!(EntityTooSmall));
        }
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            e_tag: self.store(input.key, parts.concat().into()),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        check(&request.input.bucket)?;
        let parts = self.uploads().remove(&request.input.upload_id);
        parts.ok_or_else(|| s3_error!(NoSuchUpload))?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let stored = self.find(&input.bucket, &input.key)?;
        let whole = stored.bytes.len() as u64;
        let range = input.range.map(|range| range.check(whole)).transpose();
        let range = range.map_err(|_| s3_error!(InvalidRange))?;
        let content_range = range
            .as_ref()
            .map(|it| format!("bytes {}-{}/{whole}", it.start, it.end.saturating_sub(1)));
        let position = |at: u64| usize::try_from(at).map_err(|_| s3_error!(InvalidRange));
        let bytes = match range {
            Some(range) => stored
                .bytes
                .slice(position(range.start)?..position(range.end)?),
            None => stored.bytes.clone(),
        };
        Ok(S3Response::new(GetObjectOutput {
            content_length: bytes.len().try_into().ok(),
            content_range,
            e_tag: stored.tag(),
            last_modified: stored.modified(),
            body: Some(StreamingBlob::from(Body::from(bytes))),
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
