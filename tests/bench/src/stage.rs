//! The service with the data to measure.

use colloquy_tests::client::{Client, Response, text};
use colloquy_tests::database::Backend;
use colloquy_tests::measure::scene::Scene;
use colloquy_tests::model_server::Reply;
use colloquy_tests::random::Random;
use hyper::Method;
use serde_json::json;
use uuid::Uuid;

use crate::fill::fill;
use crate::store::Store;

const QUESTION: &str = "How do I reach the airport from the central station on a Sunday morning, \
     with two suitcases and about an hour to spare?";
const ANSWER: &str = "Take the airport line from platform 3. It leaves every half hour, also on \
     Sundays, takes 27 minutes, and has room for suitcases next to the doors. Buy the ticket at \
     the machine before you board; the zone to choose is C. With an hour to spare you can let one \
     train go and still be there in time.";

/// Threads for posts, enough to keep histories short.
const POSTS: usize = 256;

#[derive(Debug, Clone)]
pub(crate) struct Size {
    pub(crate) assistants: u64,
    pub(crate) users: u64,
    pub(crate) threads: u64,
    pub(crate) runs: u64,
    pub(crate) short_thread: u64,
    pub(crate) long_thread: u64,
}

impl Size {
    /// Created by [`Stage::set`] through the service, to be copied.
    const TEMPLATES: Self = Self {
        assistants: 1,
        users: 2,
        threads: 4 + POSTS as u64,
        runs: 0,
        short_thread: 0,
        long_thread: 0,
    };

    /// The size that targets refer to.
    pub(crate) const USUAL: Self = Self {
        assistants: 1_000,
        users: 1_000,
        threads: 10_000,
        runs: 1_000,
        short_thread: 100,
        long_thread: 100_000,
    };

    /// Ten times as much, except the short thread.
    pub(crate) const TENFOLD: Self = Self {
        assistants: 10_000,
        users: 10_000,
        threads: 100_000,
        runs: 10_000,
        short_thread: 100,
        long_thread: 1_000_000,
    };
}

#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) assistant: Uuid,
    pub(crate) user: Uuid,
    /// The thread with one exchange.
    pub(crate) template: Uuid,
    pub(crate) short: Uuid,
    pub(crate) long: Uuid,
    /// The thread for bare transactions.
    pub(crate) bare: Uuid,
    pub(crate) posts: Vec<String>,
}

pub(crate) struct Stage {
    pub(crate) scene: Scene,
    pub(crate) facts: Facts,
    size: Size,
}

impl Stage {
    /// Starts a service with one record of each kind and an instant model.
    pub(crate) async fn set(backend: Backend) -> Self {
        let scene = Scene::with(backend, Reply::answer(ANSWER)).await;
        let admin = scene.server.admin().await;
        let path = format!("/assistants/{}", scene.assistant);
        let public = json!({"user_authentication": false, "description": "For the bench."});
        admin.patch(&path, public).await.expect(200);
        let me = scene.user.get("/users/me").await.expect(200);
        let opened = json!({"assistant_id": scene.assistant});
        let template = scene.user.post("/threads", opened).await.expect(201);
        let template = text(&template["id"]);
        let said = scene.user.say(template, &scene.assistant, QUESTION);
        said.await.expect(201);
        let mut threads = scene.threads(3 + POSTS).await;
        let facts = Facts {
            assistant: id(&scene.assistant),
            user: id(text(&me["id"])),
            template: id(template),
            short: id(&threads[0]),
            long: id(&threads[1]),
            bare: id(&threads[2]),
            posts: threads.split_off(3),
        };
        Self {
            scene,
            facts,
            size: Size::TEMPLATES,
        }
    }

    /// Fills the stopped service's database to `size`, restarts it and checks counts over HTTP.
    pub(crate) async fn fill(&mut self, size: &Size) {
        self.scene.server.stop().await;
        let url = self.scene.server.installation().database().url();
        let store = Store::writer(url).await;
        fill(&store, &self.facts, &self.size, size).await;
        store.close().await;
        self.size = size.clone();
        self.scene.restart().await;
        self.check().await;
    }

    async fn check(&self) {
        let (user, size) = (&self.scene.user, &self.size);
        let admin = self.scene.server.admin().await;
        for (path, expected) in [("/assistants", size.assistants), ("/users", size.users)] {
            let page = admin.get(&format!("{path}?limit=1")).await;
            let total = page.header("x-total-count").expect("a total").to_owned();
            assert_eq!(total, expected.to_string(), "{path}");
        }
        let threads = walk(user, "/threads?limit=1000").await;
        assert_eq!(threads.count, size.threads, "threads");
        let runs = format!("/threads/{}/runs?limit=1000", self.facts.long);
        assert_eq!(walk(user, &runs).await.count, size.runs, "runs");
        for (thread, expected) in [
            (self.facts.short, size.short_thread),
            (self.facts.long, size.long_thread),
        ] {
            let walked = walk(user, &format!("/threads/{thread}/messages?limit=1000")).await;
            assert_eq!(walked.count, expected, "messages");
            assert!(walked.first.starts_with(QUESTION), "{}", walked.first);
            assert_eq!(walked.last, format!("{ANSWER} {expected:07}"));
        }
    }

    pub(crate) const fn size(&self) -> &Size {
        &self.size
    }

    pub(crate) fn is_on_sqlite(&self) -> bool {
        self.scene.server.installation().database().backend() == Backend::Sqlite
    }

    /// Path of the long thread's last hundred messages.
    pub(crate) async fn end_of_long_thread(&self) -> String {
        let (user, long) = (&self.scene.user, self.facts.long);
        let mut path = format!("/threads/{long}/messages?limit=1000");
        let mut left = self.size.long_thread;
        loop {
            let page = user.get(&path).await;
            left -= page.json().as_array().expect("a list").len() as u64;
            if left == 100 {
                return path_on(&page).replace("limit=900", "limit=100");
            }
            path = path_on(&page);
            if left == 1_000 {
                path = path.replace("limit=1000", "limit=900");
            }
        }
    }

    /// Uploads an avatar of about 50 KB.
    pub(crate) async fn upload_avatar(&self) {
        let path = format!("/assistants/{}/avatar", self.facts.assistant);
        let admin = self.scene.server.admin().await;
        let upload = admin.request(Method::POST, &path);
        upload.file("file", &noise()).send().await.expect(200);
    }
}

fn id(text: &str) -> Uuid {
    text.parse().expect("an id")
}

fn path_on(page: &Response) -> String {
    page.next_page().expect("a next page")
}

struct Walked {
    count: u64,
    first: String,
    last: String,
}

async fn walk(client: &Client, path: &str) -> Walked {
    let mut next = Some(path.to_owned());
    let mut walked = Walked {
        count: 0,
        first: String::new(),
        last: String::new(),
    };
    while let Some(path) = next {
        let page = client.get(&path).await;
        next = page.next_page();
        let page = page.expect(200);
        let items = page.as_array().expect("a list");
        let content = |item: &serde_json::Value| item["content"].as_str().unwrap_or("").to_owned();
        if walked.count == 0 {
            walked.first = items.first().map(content).unwrap_or_default();
        }
        walked.last = items.last().map(content).unwrap_or_default();
        walked.count += items.len() as u64;
    }
    walked
}

fn noise() -> Vec<u8> {
    const SIDE: u32 = 128;
    let mut random = Random::seeded(1);
    let pixels: Vec<u8> = (0..SIDE * SIDE * 3)
        .map(|_| random.below(256) as u8)
        .collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().expect("a head");
    writer.write_image_data(&pixels).expect("the pixels");
    writer.finish().expect("an end");
    file
}
