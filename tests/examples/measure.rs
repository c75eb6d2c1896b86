//! Figures of the service on this machine, for whoever wants to compare: run with `--release`.
//!
//! `cargo run --release -p colloquy-tests --example measure -- start|login|writers|avatars [sqlite|postgres]`
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a tool for developers"
)]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::time::{Duration, Instant};

use colloquy_tests::client::{Client, text};
use colloquy_tests::database::Backend;
use colloquy_tests::process::binary;
use colloquy_tests::random::Random;
use colloquy_tests::server::{Colloquy, PASSWORD};
use hyper::Method;
use image::{DynamicImage, ImageFormat};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let backend = match arguments.get(1) {
        Some(&"postgres") => Backend::Postgres,
        _ => Backend::Sqlite,
    };
    assert!(backend.is_at_hand(), "TEST_POSTGRES_URL is needed");
    println!("{} on {backend:?}", binary().display());
    match arguments.first() {
        Some(&"start") => start(backend).await,
        Some(&"login") => login(backend).await,
        Some(&"writers") => writers(backend).await,
        Some(&"avatars") => avatars(backend).await,
        _ => println!("measure start|login|writers|avatars [sqlite|postgres]"),
    }
}

/// From the start of the process to readiness, on an empty database and on one in use, and the
/// memory of the idle service.
async fn start(backend: Backend) {
    let site = Colloquy::installed(backend).await;
    let began = Instant::now();
    let mut server = site.serve().await;
    println!("first start to ready: {:?}", began.elapsed());
    for _ in 0..3 {
        server.kill9().await;
        let began = Instant::now();
        server.restart().await;
        println!("start after a kill to ready: {:?}", began.elapsed());
    }
    println!("idle: {}", resident(&server));
}

/// The resident memory of the process, as Linux counts it.
fn resident(server: &Colloquy) -> String {
    memory(server, "VmRSS")
}

/// The most that it ever was.
fn peak(server: &Colloquy) -> String {
    memory(server, "VmHWM")
}

fn memory(server: &Colloquy, name: &str) -> String {
    let id = server.process().id().expect("the service runs");
    let status = std::fs::read_to_string(format!("/proc/{id}/status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.map_or_else(|| format!("{name} unknown"), str::to_owned)
}

/// Tries per kind of account.
const LOGINS: usize = 500;

/// How long a refused sign-in takes by the kind of account, and how well the time alone tells the
/// kinds apart: 0.5 is not at all.
async fn login(backend: Backend) {
    let server = Colloquy::start(backend).await;
    server.user("known").await;
    let disabled = server.user("disabled").await;
    let account = disabled.get("/users/me").await.expect(200);
    let path = format!("/users/{}", text(&account["id"]));
    let change = json!({"is_active": false});
    server.admin().await.patch(&path, change).await.expect(200);
    let create = ["user", "create", "keyless@example.org", "--no-password"];
    let created = server.installation().run(&create).await;
    assert!(created.status.success(), "an account without a password");

    let kinds = [
        ("wrong", "known@example.org", "wrong password"),
        ("unknown", "unknown@example.org", PASSWORD),
        ("disabled", "disabled@example.org", PASSWORD),
        ("no password", "keyless@example.org", PASSWORD),
    ];
    let mut order: Vec<usize> = (0..kinds.len() * LOGINS).collect();
    Random::seeded(1).shuffle(&mut order);
    let guest = server.guest();
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for turn in order {
        let (kind, email, password) = kinds[turn % kinds.len()];
        let began = Instant::now();
        let refused = guest.log_in(email, password).await;
        times.entry(kind).or_default().push(began.elapsed());
        refused.problem(401, "invalid_credentials");
    }
    for (kind, times) in &mut times {
        times.sort();
        println!("{kind:12} median {:?}", times[times.len() / 2]);
    }
    let wrong = &times["wrong"];
    for (kind, times) in &times {
        println!("{kind:12} area under the curve {:.3}", area(wrong, times));
    }
}

/// How often a time of `one` is shorter than one of `other`.
fn area(one: &[Duration], other: &[Duration]) -> f64 {
    let wins = |a: &Duration| -> f64 {
        let shorter = other.partition_point(|b| b < a);
        let equal = other.partition_point(|b| b <= a) - shorter;
        (other.len() - shorter - equal) as f64 + equal as f64 / 2.0
    };
    one.iter().map(wins).sum::<f64>() / (one.len() * other.len()) as f64
}

const WRITERS: usize = 50;
const WRITING_TIME: Duration = Duration::from_secs(90);

/// Writers that read, then write, half of them in one thread: how long each request takes and how
/// each is answered.
async fn writers(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let assistant = server.assistant("Echo").await;
    let user = server.user("ada").await;
    let shared = user.create_thread().await;
    let end = Instant::now() + WRITING_TIME;
    let mut writers = JoinSet::new();
    for number in 0..WRITERS {
        let own = user.create_thread().await;
        let thread = if number % 2 == 0 { shared.clone() } else { own };
        writers.spawn(write_until(end, user.clone(), assistant.clone(), thread));
    }
    let mut samples: Vec<(u16, Duration)> = writers.join_all().await.concat();
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for (status, _) in &samples {
        *statuses.entry(*status).or_default() += 1;
    }
    samples.sort_by_key(|(_, time)| *time);
    let at = |share: f64| samples[((samples.len() - 1) as f64 * share) as usize].1;
    println!("{} requests, by status: {statuses:?}", samples.len());
    println!("p50 {:?}, p99 {:?}, max {:?}", at(0.5), at(0.99), at(1.0));
    println!("{} after the load", resident(&server));
    server.installation().database().check_integrity().await;
}

async fn write_until(
    end: Instant,
    user: Client,
    assistant: String,
    thread: String,
) -> Vec<(u16, Duration)> {
    let mut samples = Vec::new();
    let path = format!("/threads/{thread}");
    while Instant::now() < end {
        let began = Instant::now();
        let said = user.say(&thread, &assistant, "hello").await;
        samples.push((said.status, began.elapsed()));
        let began = Instant::now();
        let read = user.get(&path).await;
        samples.push((read.status, began.elapsed()));
        let name = read.json()["name"].clone();
        let began = Instant::now();
        let renamed = user.patch(&path, json!({ "name": name })).await;
        samples.push((renamed.status, began.elapsed()));
    }
    samples
}

/// How long it takes to make an avatar from the largest pictures and to refuse a larger one, alone
/// and eight at once, and the memory that takes.
async fn avatars(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let admin = server.admin().await;
    let assistant = server.assistant("Guide").await;
    let path = format!("/assistants/{assistant}/avatar");
    println!("before: {}", resident(&server));
    let mut bomb = picture(8, ImageFormat::Gif);
    bomb[6..10].fill(0xff);
    for (name, file) in [
        ("GIF of 65535 x 65535", bomb),
        ("PNG of 4096 x 4096", picture(4096, ImageFormat::Png)),
        ("JPEG of 4096 x 4096", picture(4096, ImageFormat::Jpeg)),
        ("WebP of 2048 x 2048", picture(2048, ImageFormat::WebP)),
    ] {
        for count in [1, 8] {
            let began = Instant::now();
            let mut uploads = JoinSet::new();
            for _ in 0..count {
                let request = admin.request(Method::POST, &path).file("file", &file);
                uploads.spawn(async move { request.send().await.status });
            }
            let statuses = uploads.join_all().await;
            let (took, length) = (began.elapsed(), file.len());
            println!(
                "{count} x {name}, {length} bytes: {took:?}, {statuses:?}, {}",
                peak(&server)
            );
        }
    }
}

/// A picture with something to see, through which one sees in places where that is possible.
fn picture(side: u32, format: ImageFormat) -> Vec<u8> {
    let pixel = |x: u32, y: u32| {
        let [red, green] = [x, y].map(|place| (place * 255 / side) as u8);
        image::Rgba([red, green, ((x ^ y) >> 4) as u8, 255 - red / 2])
    };
    let mut pixels = DynamicImage::from(image::RgbaImage::from_fn(side, side, pixel));
    if format == ImageFormat::Jpeg {
        pixels = pixels.into_rgb8().into();
    }
    let mut file = Cursor::new(Vec::new());
    pixels.write_to(&mut file, format).expect("a picture");
    file.into_inner()
}
