//! Avatars from upload to delivery, and after a kill.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::files;
use colloquy_tests::on_both_backends;
use colloquy_tests::random::Random;
use colloquy_tests::s3_server::S3Server;
use colloquy_tests::server::{Colloquy, Installation};
use futures_util::future::join_all;
use hyper::Method;
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::task::JoinSet;

on_both_backends![
    a_picture_is_made_from_a_file_and_shown_to_everybody,
    what_is_no_picture_is_refused_and_the_old_one_stays,
    a_picture_goes_with_its_assistant,
    pictures_survive_a_kill,
    pictures_on_s3_survive_a_kill,
];

pub(crate) fn gif([red, green, blue]: [u8; 3]) -> Vec<u8> {
    let mut gif = b"GIF89a\x01\0\x01\0\x80\0\0".to_vec();
    gif.extend([red, green, blue, 255, 255, 255]);
    gif.extend(b",\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;");
    gif
}

async fn upload(admin: &Client, assistant: &str, file: &[u8]) -> Response {
    let path = format!("/assistants/{assistant}/avatar");
    let request = admin.request(Method::POST, &path);
    request.file("file", file).send().await
}

/// Blob storage, for inspection.
enum Blobs {
    Folder(PathBuf),
    S3(S3Server),
}

impl Blobs {
    fn keys(&self) -> Vec<String> {
        match self {
            Self::Folder(path) => files::below(path),
            Self::S3(server) => server.keys(),
        }
    }
}

async fn in_a_folder(backend: Backend) -> (Installation, Blobs) {
    let site = Colloquy::installed(backend).await;
    let folder = site.directory().join("blobs");
    (site, Blobs::Folder(folder))
}

async fn on_s3(backend: Backend) -> (Installation, Blobs) {
    let server = S3Server::start().await;
    let mut site = Colloquy::installed(backend).await;
    site = site.env("COLLOQUY_BLOB_URL", &server.url());
    for (name, value) in server.settings() {
        site = site.env(&name, &value);
    }
    (site, Blobs::S3(server))
}

async fn a_picture_is_made_from_a_file_and_shown_to_everybody(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let fields = json!({"name": "Guide", "user_authentication": false, "avatar_bg_color": "navy"});
    let assistant = admin.create_assistant(fields).await;
    assert_eq!(assistant["avatar_image"], Value::Null);
    assert_eq!(assistant["avatar_text_color"], "#ffffff");
    let id = text(&assistant["id"]);
    let with = upload(&admin, id, &gif([200, 30, 30])).await.expect(200);
    let address = text(&with["avatar_image"]);
    let shown = server.guest().root().get(address).await;
    assert_eq!(shown.status, 200);
    assert_eq!(shown.header("content-type"), Some("image/jpeg"));
    assert_eq!(shown.header("x-content-type-options"), Some("nosniff"));
    assert!(shown.body.starts_with(&[0xff, 0xd8, 0xff]));
    let path = format!("/assistants/{id}/avatar");
    let again = server.guest().request(Method::GET, &path);
    let again = again.header("if-none-match", shown.header("etag").unwrap());
    let again = again.send().await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let without = admin.delete(&path).await.expect(200);
    assert_eq!(without["avatar_image"], Value::Null);
    let gone = server.guest().get(&path).await;
    gone.problem(404, "entity_not_found");
}

async fn what_is_no_picture_is_refused_and_the_old_one_stays(backend: Backend) {
    let (site, blobs) = in_a_folder(backend).await;
    let server = site.serve().await;
    let admin = server.admin().await;
    let assistant = server.assistant("Guide").await;
    let before = upload(&admin, &assistant, &gif([1; 3])).await.expect(200);
    let keys = blobs.keys();
    let mut bomb = gif([1; 3]);
    bomb[6..10].fill(0xff);
    let cut = &gif([1; 3])[..20];
    let files: [&[u8]; 6] = [
        b"",
        b"<!DOCTYPE html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"\x89PNG\r\n\x1a\n and nothing more",
        &bomb,
        cut,
    ];
    for file in files {
        let refused = upload(&admin, &assistant, file).await;
        assert_eq!(refused.invalid_fields(), ["file"]);
    }
    let at_once = join_all((0..8).map(|_| upload(&admin, &assistant, &bomb))).await;
    for refused in at_once {
        assert_eq!(refused.invalid_fields(), ["file"]);
    }
    let large = upload(&admin, &assistant, &vec![0; 6 * 1024 * 1024]).await;
    large.problem(413, "payload_too_large");
    let path = format!("/assistants/{assistant}");
    assert_eq!(admin.get(&path).await.expect(200), before);
    assert_eq!(blobs.keys(), keys);
}

async fn a_picture_goes_with_its_assistant(backend: Backend) {
    let (site, blobs) = in_a_folder(backend).await;
    let server = site.serve().await;
    let admin = server.admin().await;
    let assistant = server.assistant("Guide").await;
    upload(&admin, &assistant, &gif([1; 3])).await.expect(200);
    assert_eq!(blobs.keys().len(), 1);
    let path = format!("/assistants/{assistant}");
    admin.delete(&path).await.expect(204);
    assert!(blobs.keys().is_empty());
    let gone = admin.get(&format!("{path}/avatar")).await;
    gone.problem(404, "entity_not_found");
}

const ASSISTANTS: usize = 8;
/// Maximum time for the sweep after a crash.
const SWEPT: Duration = Duration::from_secs(60);

/// CI runs few rounds.
fn rounds() -> u64 {
    let rounds = std::env::var("COLLOQUY_KILL_ROUNDS").ok();
    rounds.map_or(4, |rounds| rounds.parse().unwrap())
}

struct Pictures {
    files: [Vec<u8>; 2],
    shown: [Bytes; 2],
}

impl Pictures {
    async fn see(server: &Colloquy) -> Self {
        let admin = server.admin().await;
        let assistant = server.assistant("Model").await;
        let files = [gif([200, 30, 30]), gif([30, 30, 200])];
        let mut shown = Vec::new();
        for file in &files {
            upload(&admin, &assistant, file).await.expect(200);
            shown.push(picture_of(&admin, &assistant).await);
        }
        let path = format!("/assistants/{assistant}");
        admin.delete(&path).await.expect(204);
        assert_ne!(shown[0], shown[1]);
        Self {
            files,
            shown: shown.try_into().unwrap(),
        }
    }
}

async fn picture_of(client: &Client, assistant: &str) -> Bytes {
    let answer = client.get(&format!("/assistants/{assistant}/avatar")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.body
}

/// The avatars that an assistant may show.
struct Ledger {
    assistant: String,
    acknowledged: usize,
    /// Sent without a response.
    unknown: Option<usize>,
}

async fn pictures_survive_a_kill(backend: Backend) {
    let (site, blobs) = in_a_folder(backend).await;
    survive_kills(site, blobs).await;
}

async fn pictures_on_s3_survive_a_kill(backend: Backend) {
    let (site, blobs) = on_s3(backend).await;
    survive_kills(site, blobs).await;
}

async fn survive_kills(site: Installation, blobs: Blobs) {
    let mut server = site.serve().await;
    let pictures = Arc::new(Pictures::see(&server).await);
    let mut admin = server.admin().await;
    let mut ledgers = Vec::new();
    for number in 0..ASSISTANTS {
        let assistant = server.assistant(&format!("Number {number}")).await;
        let first = upload(&admin, &assistant, &pictures.files[0]).await;
        first.expect(200);
        ledgers.push(Ledger {
            assistant,
            acknowledged: 0,
            unknown: None,
        });
    }
    for seed in 1..=rounds() {
        let enough = 10 + Random::seeded(seed).below(60) as usize;
        let about = format!("seed {seed}, killed after {enough}");
        ledgers = replace_until_killed(&mut server, &admin, &pictures, ledgers, enough).await;
        server.restart().await;
        admin = admin.at(server.origin());
        server.installation().database().check_integrity().await;
        for ledger in &mut ledgers {
            compare(&admin, &pictures, ledger, &about).await;
        }
    }
    assert_is_swept(&blobs).await;
    for ledger in &mut ledgers {
        compare(&admin, &pictures, ledger, "after the sweep").await;
    }
}

async fn replace_until_killed(
    server: &mut Colloquy,
    admin: &Client,
    pictures: &Arc<Pictures>,
    ledgers: Vec<Ledger>,
    enough: usize,
) -> Vec<Ledger> {
    let (count, reached) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
    let mut clients = JoinSet::new();
    for ledger in ledgers {
        let (count, reached) = (Arc::clone(&count), Arc::clone(&reached));
        let (client, pictures) = (admin.at(server.origin()), Arc::clone(pictures));
        clients.spawn(async move {
            replace(&client, &pictures, ledger, || {
                if count.fetch_add(1, Ordering::SeqCst) + 1 == enough {
                    reached.notify_one();
                }
            })
            .await
        });
    }
    reached.notified().await;
    server.kill9().await;
    clients.join_all().await
}

/// Replaces the avatar until the service stops answering.
async fn replace(
    client: &Client,
    pictures: &Pictures,
    mut ledger: Ledger,
    acknowledge: impl Fn(),
) -> Ledger {
    let path = format!("/assistants/{}/avatar", ledger.assistant);
    loop {
        let next = 1 - ledger.acknowledged;
        let request = client.request(Method::POST, &path);
        let Ok(answer) = request.file("file", &pictures.files[next]).try_send().await else {
            ledger.unknown = Some(next);
            return ledger;
        };
        answer.expect(200);
        ledger.acknowledged = next;
        acknowledge();
    }
}

/// Checks the avatar against the ledger and records it.
async fn compare(admin: &Client, pictures: &Pictures, ledger: &mut Ledger, about: &str) {
    let shown = picture_of(admin, &ledger.assistant).await;
    let found = pictures.shown.iter().position(|picture| *picture == shown);
    let found = found.unwrap_or_else(|| panic!("{about}: neither picture"));
    let is_known = found == ledger.acknowledged || Some(found) == ledger.unknown;
    assert!(is_known, "{about}: picture {found}");
    ledger.acknowledged = found;
    ledger.unknown = None;
}

/// Polls until each assistant has one blob and nothing else is left.
async fn assert_is_swept(blobs: &Blobs) {
    let deadline = Instant::now() + SWEPT;
    while blobs.keys().len() != ASSISTANTS {
        let left = blobs.keys();
        assert!(Instant::now() < deadline, "orphans: {left:#?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
