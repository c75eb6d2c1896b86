//! Malformed and hostile requests.

use std::time::{Duration, Instant};

use colloquy_tests::client::Response;
use colloquy_tests::database::Backend;
use colloquy_tests::malformed::{Maker, Malformed};
use colloquy_tests::measure::memory::resident;
use colloquy_tests::on_both_backends;
use colloquy_tests::raw::{answers, exchange};
use colloquy_tests::server::Colloquy;
use futures_util::StreamExt as _;
use futures_util::stream;

on_both_backends![malformed_requests_harm_nobody];

const AT_ONCE: usize = 16;
/// Allowed memory growth in KiB after warm-up.
const GROWTH: u64 = 16 * 1024;
/// Statuses of the HTTP library, without a problem document.
const OF_THE_PROTOCOL: [u16; 3] = [400, 414, 431];

/// CI sends few requests.
fn count() -> usize {
    let count = std::env::var("COLLOQUY_HOSTILE_REQUESTS").ok();
    count.map_or(200, |count| count.parse().unwrap())
}

/// Repeats failed requests.
fn seed() -> u64 {
    let seed = std::env::var("COLLOQUY_HOSTILE_SEED").ok();
    seed.map_or(1, |seed| seed.parse().unwrap())
}

async fn malformed_requests_harm_nobody(backend: Backend) {
    let server = Colloquy::start(backend).await;
    let tokens = vec![
        server.user("ada").await.token().to_owned(),
        server.admin().await.token().to_owned(),
    ];
    let mut maker = Maker::seeded(seed(), tokens);
    let mut tally = Tally::default();
    // Warm-up: buffers, caches and prepared statements.
    tally
        .attack(&server, &mut maker, count().max(400) / 2)
        .await;
    let before = resident(&server);
    tally.attack(&server, &mut maker, count()).await;
    let after = resident(&server);
    tally.tell(before, after);
    assert!(after <= before + GROWTH, "from {before} to {after} KiB");

    let log = server.log();
    let faults: Vec<&str> = log.lines().filter(|it| it.contains("\"ERROR\"")).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    // Includes unparsed HTTP/2 responses.
    let figures = server.watcher().root().get("/metrics").await.text();
    let mut figures = figures.lines();
    let fault = figures.find(|it| it.contains("status=\"5"));
    assert_eq!(fault, None);
}

#[derive(Debug, Default)]
struct Tally {
    sent: usize,
    closed: usize,
    answered: usize,
    problems: usize,
    of_the_protocol: usize,
    slowest: Duration,
}

impl Tally {
    async fn attack(&mut self, server: &Colloquy, maker: &mut Maker, count: usize) {
        let attacks: Vec<Malformed> = (0..count).map(|_| maker.make()).collect();
        let attacks = stream::iter(&attacks).map(async |attack| {
            let back = exchange(server.address(), &attack.bytes).await;
            (attack, back)
        });
        let mut attacks = attacks.buffer_unordered(AT_ONCE);
        while let Some((attack, back)) = attacks.next().await {
            self.sent += 1;
            self.see(attack, &back);
            if self.sent.is_multiple_of(AT_ONCE) {
                self.ask(server).await;
            }
        }
    }

    /// Sends a well-formed request of another client.
    async fn ask(&mut self, server: &Colloquy) {
        let begin = Instant::now();
        server.guest().get("/assistants").await.expect(200);
        self.slowest = self.slowest.max(begin.elapsed());
    }

    fn see(&mut self, attack: &Malformed, back: &[u8]) {
        let about = format!(
            "{}: {}",
            attack.kind,
            attack.bytes[..attack.bytes.len().min(300)].escape_ascii()
        );
        // HTTP/2 responses begin with a settings frame; the service counts them.
        let is_http1 = back.starts_with(b"HTTP/");
        let answers = if is_http1 {
            answers(&about, back)
        } else {
            Vec::new()
        };
        if answers.is_empty() {
            self.closed += 1;
        }
        for answer in answers {
            self.answered += 1;
            self.judge(&about, &answer);
        }
    }

    fn judge(&mut self, about: &str, answer: &Response) {
        assert!(answer.status < 500, "{about}: {answer:?}");
        if answer.header("x-request-id").is_none() {
            self.of_the_protocol += 1;
            assert!(
                OF_THE_PROTOCOL.contains(&answer.status),
                "{about}: {answer:?}"
            );
            assert!(answer.body.is_empty(), "{about}: {answer:?}");
        } else if answer.status >= 400 && !answer.body.is_empty() {
            self.problems += 1;
            let _ = answer.any_problem();
        }
    }

    #[expect(clippy::print_stdout, reason = "part of the test's output")]
    fn tell(&self, before: u64, after: u64) {
        println!("{self:?}, memory from {before} to {after} KiB");
    }
}
