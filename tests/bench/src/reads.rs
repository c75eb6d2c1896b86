//! Reads, compared with both ceilings.

use std::time::Duration;

use colloquy_tests::client::{API, Client, Response};
use colloquy_tests::measure::memory::resident;
use hyper::Method;

use crate::ceiling::{Answer, Ceiling, Program};
use crate::load::{Load, Target};
use crate::options::Options;
use crate::report::{Line, Ratio};
use crate::stage::Stage;

const WARM_UP: Duration = Duration::from_millis(300);

struct Read {
    name: &'static str,
    client: Client,
    path: String,
    status: u16,
    /// URL of the equivalent bare query.
    query: Option<String>,
    /// Target share of the query's rate, or else of memory's.
    share: f64,
    if_none_match: Option<String>,
}

impl Read {
    fn new(name: &'static str, client: &Client, path: String, share: f64) -> Self {
        Self {
            name,
            client: client.clone(),
            path,
            status: 200,
            query: None,
            share,
            if_none_match: None,
        }
    }

    fn beside(self, query: String) -> Self {
        Self {
            query: Some(query),
            ..self
        }
    }

    /// The conditional variant of the request.
    async fn again(self, name: &'static str, share: f64) -> Self {
        let answer = self.client.get(&self.path).await;
        Self {
            name,
            status: 304,
            share,
            if_none_match: answer.header("etag").map(str::to_owned),
            ..self
        }
    }

    async fn answer(&self) -> Response {
        let request = self.client.request(Method::GET, &self.path);
        let request = match &self.if_none_match {
            Some(tag) => request.header("if-none-match", tag),
            None => request,
        };
        let answer = request.send().await;
        assert_eq!(answer.status, self.status, "{}", self.name);
        answer
    }

    fn target(&self, url: String) -> Target {
        let token = self.client.is_signed_in().then(|| {
            let token = format!("Bearer {}", self.client.token());
            ("authorization".to_owned(), token)
        });
        let tag = self.if_none_match.clone();
        let tag = tag.map(|tag| ("if-none-match".to_owned(), tag));
        Target {
            url,
            headers: token.into_iter().chain(tag).collect(),
            status: self.status,
        }
    }
}

async fn reads(stage: &Stage) -> Vec<Read> {
    let (user, guest) = (&stage.scene.user, &stage.scene.server.guest());
    let (facts, size) = (&stage.facts, stage.size());
    let assistant = format!("/assistants/{}", facts.assistant);
    let avatar = || {
        Read::new(
            "GET avatar, 50 KB",
            guest,
            format!("{assistant}/avatar"),
            0.70,
        )
    };
    let start = format!("/threads/{}/messages?limit=100", facts.short);
    let start_query = format!("/messages/{}/0", facts.short);
    let end = stage.end_of_long_thread().await;
    let end_query = format!("/messages/{}/{}", facts.long, size.long_thread - 100);
    vec![
        Read::new("GET assistant, signed in", user, assistant.clone(), 0.70),
        Read::new("GET assistant, guest", guest, assistant.clone(), 0.70),
        Read::new(
            "GET assistants, 100",
            user,
            "/assistants?limit=100".to_owned(),
            0.60,
        ),
        avatar(),
        avatar().again("GET avatar, 304", 0.75).await,
        Read::new("GET messages, 100", user, start, 0.60).beside(start_query),
        Read::new("GET messages, last 100 of long thread", user, end, 0.60).beside(end_query),
        Read::new("GET threads, first 100", user, "/threads".to_owned(), 0.60)
            .beside(format!("/threads/{}", facts.user)),
    ]
}

/// Alternates each read with its ceilings.
pub(crate) async fn measure(stage: &Stage, options: &Options) -> Vec<Line> {
    stage.upload_avatar().await;
    let reads = reads(stage).await;
    let mut answers = Vec::new();
    for read in &reads {
        answers.push(read.answer().await);
    }
    let installation = stage.scene.server.installation();
    let program = Program {
        database_url: installation.database().url().to_owned(),
        answers: answers.iter().map(Answer::from).collect(),
    };
    let file = installation.directory().join("ceiling.json");
    let ceiling = Ceiling::start(&program, file).await;
    let mut lines = Vec::new();
    for (row, (read, answer)) in reads.iter().zip(&answers).enumerate() {
        let memory = ceiling.memory(row);
        let query = read.query.as_deref().map(|path| ceiling.query(path));
        for url in std::iter::once(&memory).chain(&query) {
            let same = Client::guest(url).root().get("").await;
            assert_eq!(
                (same.status, same.body),
                (answer.status, answer.body.clone()),
                "{url}"
            );
        }
        let product = format!("{}{API}{}", stage.scene.server.origin(), read.path);
        let sides = std::iter::once(product).chain([memory]).chain(query);
        let sides: Vec<Target> = sides.map(|url| read.target(url)).collect();
        let loads = in_turns(&sides, options).await;
        lines.push(line(read, &loads, resident(&stage.scene.server)));
    }
    lines
}

/// Runs the sides in turn, in alternating order to spread disturbances.
async fn in_turns(sides: &[Target], options: &Options) -> Vec<Vec<Load>> {
    let mut loads = vec![Vec::new(); sides.len()];
    for side in sides {
        side.drive(WARM_UP).await;
    }
    for round in 0..options.rounds {
        let mut order: Vec<usize> = (0..sides.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for side in order {
            loads[side].push(sides[side].drive(options.slice).await);
        }
    }
    loads
}

fn line(read: &Read, loads: &[Vec<Load>], memory: u64) -> Line {
    let rates = |loads: &Vec<Load>| -> Vec<f64> {
        loads.iter().map(|load| load.requests_per_second).collect()
    };
    let product = rates(&loads[0]);
    let of = |side: usize| loads.get(side).map(|it| Ratio::of(&product, &rates(it)));
    let load = Load::of(&loads[0]);
    let (of_memory, of_database) = (of(1), of(2));
    let (kind, ratio) = match of_database {
        Some(ratio) => ("database", Some(ratio)),
        None => ("memory", of_memory),
    };
    let is_near = ratio.is_some_and(|ratio| ratio.whole >= read.share);
    let line = Line {
        load,
        memory: Some(memory),
        of_memory,
        of_database,
        ..Line::new(read.name)
    };
    let target = format!(">= {:.2} of {kind}", read.share);
    line.target(target, is_near && load.errors == 0)
}
