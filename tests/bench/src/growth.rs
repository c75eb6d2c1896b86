//! The cost of a page of each list, by amount of data.

use std::time::{Duration, Instant};

use colloquy_tests::client::Client;
use colloquy_tests::measure::times::Times;

use crate::load::Load;
use crate::report::{Line, milliseconds};
use crate::stage::{Size, Stage};

const PAGES: u64 = 200;
/// Of these, warm-up.
const FIRST: usize = 20;
/// Maximum slowdown at ten times the data, including noise.
const FLAT: f64 = 1.5;
/// Maximum slowdown of the longest list's last page against its first.
const FAR: f64 = 2.0;

/// Assistants for large offsets.
const MANY: u64 = 100_000;

/// First-page latency per list.
pub(crate) struct Costs(Vec<(&'static str, Times)>);

pub(crate) async fn costs(stage: &Stage) -> Costs {
    let (user, admin) = (&stage.scene.user, &stage.scene.server.admin().await);
    let facts = &stage.facts;
    let messages = format!("/threads/{}/messages?limit=100", facts.long);
    let runs = format!("/threads/{}/runs?limit=100", facts.long);
    let of_assistant = format!("/threads?assistant_id={}", facts.assistant);
    let end = stage.end_of_long_thread().await;
    let mut costs = vec![("assistants", pages(user, 0).await)];
    for (name, client, path) in [
        ("users", admin, "/users?limit=100"),
        ("threads", user, "/threads"),
        ("threads of an assistant", user, &of_assistant),
        ("threads of everyone", admin, "/threads?owner=all"),
        ("runs", user, &runs),
        ("messages", user, &messages),
        ("messages, the last", user, &end),
    ] {
        costs.push((name, cost(client, |_| path.to_owned()).await));
    }
    Costs(costs)
}

/// Compares with a tenth of the data.
pub(crate) fn compare(usual: &Costs, tenfold: Costs) -> Vec<Line> {
    let pairs = usual.0.iter().zip(tenfold.0);
    pairs
        .map(|((name, before), (_, after))| {
            let name = format!("list of {name}, 10 x data");
            line(name, before.at(0.5), &after, FLAT)
        })
        .collect()
}

/// The cost of an offset near the end of a long list of assistants.
pub(crate) async fn passed_over(stage: &mut Stage) -> Line {
    let size = Size {
        assistants: MANY,
        ..Size::TENFOLD
    };
    stage.fill(&size).await;
    let user = &stage.scene.user;
    let first = pages(user, 0).await;
    let last = pages(user, MANY - 100 - PAGES).await;
    let name = format!("list of {MANY} assistants, its end");
    line(name, first.at(0.5), &last, FAR)
}

fn line(name: String, before: Duration, after: &Times, limit: f64) -> Line {
    let p50 = after.at(0.5);
    let factor = p50.as_secs_f64() / before.as_secs_f64();
    let line = Line {
        load: Load {
            p50,
            p99: after.at(0.99),
            ..Load::default()
        },
        ..Line::new(name)
    };
    let target = format!("{factor:.2} <= {limit} x {:.2} ms", milliseconds(before));
    line.target(target, factor <= limit)
}

/// Reads pages from an offset, each different because pages are cached briefly.
async fn pages(client: &Client, skip: u64) -> Times {
    cost(client, |page| {
        format!("/assistants?limit=100&skip={}", skip + page)
    })
    .await
}

async fn cost(client: &Client, path: impl Fn(u64) -> String) -> Times {
    let mut times = Vec::new();
    for page in 0..PAGES {
        let began = Instant::now();
        let answer = client.get(&path(page)).await;
        times.push(began.elapsed());
        assert_eq!(answer.status, 200, "{}", path(page));
    }
    times.split_off(FIRST).into()
}
