//! The real service with its own data.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::sync::OnceCell;

use crate::client::{Client, text};
use crate::database::{Backend, Database, sqlite_file};
use crate::process::{self, Process};

/// Email of the first administrator.
pub const ADMIN_EMAIL: &str = "admin@example.org";
/// Password of all test users.
pub const PASSWORD: &str = "correct horse battery staple";

/// Never shared between services.
const DATA_DIR: &str = "COLLOQUY_DATA_DIR";

/// Log lines shown for a failed test.
const LAST_LINES: usize = 20;

const START_TIME: Duration = Duration::from_secs(30);
const START_POLL: Duration = Duration::from_millis(10);

/// Data and settings of a service; removed on drop.
pub struct Installation {
    database: Arc<Database>,
    directory: Directory,
    env: Vec<(String, String)>,
}

/// A temporary directory, removed on drop.
struct Directory(PathBuf);

impl Directory {
    fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("colloquy-e2e-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Installation {
    /// No data, and only storage settings.
    pub async fn empty(backend: Backend) -> Self {
        let directory = Directory::create();
        let database = Database::create(backend, &directory.0).await;
        let env = vec![
            (DATA_DIR.to_owned(), directory.0.display().to_string()),
            (
                "COLLOQUY_DATABASE_URL".to_owned(),
                database.url().to_owned(),
            ),
        ];
        Self {
            database: Arc::new(database),
            directory,
            env,
        }
    }

    /// Another installation on the same database, with its own data directory.
    #[must_use]
    pub fn neighbour(&self) -> Self {
        let directory = Directory::create();
        let data = directory.0.display().to_string();
        let neighbour = Self {
            database: Arc::clone(&self.database),
            directory,
            env: self.env.clone(),
        };
        neighbour.env(DATA_DIR, &data)
    }

    /// Sets or replaces an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: &str) -> Self {
        self.env.retain(|(name, _)| name != key);
        self.env.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Runs a command of the binary to its end.
    pub async fn run(&self, arguments: &[&str]) -> Output {
        self.run_with_input(arguments, "").await
    }

    /// Runs a command with standard input.
    pub async fn run_with_input(&self, arguments: &[&str], input: &str) -> Output {
        let command = process::command(&self.directory.0, arguments, self.settings());
        process::run(command, input).await
    }

    /// Starts a command in the background.
    #[must_use]
    pub fn spawn(&self, arguments: &[&str]) -> Process {
        let settings = self.settings();
        Process::spawn(process::command(&self.directory.0, arguments, settings))
    }

    /// Starts the service and waits for readiness.
    pub async fn serve(self) -> Colloquy {
        let (process, origin, metrics) = self.start().await;
        Colloquy {
            process,
            origin,
            metrics,
            installation: self,
            admin_token: OnceCell::new(),
        }
    }

    /// The directory of everything but PostgreSQL's data.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory.0
    }

    /// SQLite's file.
    #[must_use]
    pub fn sqlite_file(&self) -> PathBuf {
        sqlite_file(&self.directory.0)
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    async fn start(&self) -> (Process, String, Option<String>) {
        let usual = [
            ("COLLOQUY_LISTEN", "127.0.0.1:0"),
            ("COLLOQUY_METRICS_LISTEN", "127.0.0.1:0"),
            ("COLLOQUY_LOG_FORMAT", "json"),
        ];
        // The last of equal keys wins.
        let settings = usual.into_iter().chain(self.settings());
        let mut process = Process::spawn(process::command(&self.directory.0, &["serve"], settings));
        let origin = process.line(listening_at).await;
        process.line(how_to_sign_in).await;
        let metrics = process.log().lines().find_map(metrics_at);
        wait_until_ready(&mut process, &Client::guest(&origin)).await;
        (process, origin, metrics)
    }
}

/// The listening address, from the output.
fn listening_at(line: &str) -> Option<String> {
    let (_, origin) = line.strip_prefix("Colloquy ")?.split_once(" serves ")?;
    Some(origin.to_owned())
}

/// The line after all addresses.
fn how_to_sign_in(line: &str) -> Option<()> {
    line.starts_with("  sign in").then_some(())
}

/// The metrics address, from the output.
fn metrics_at(line: &str) -> Option<String> {
    let url = line.strip_prefix("  metrics:")?.trim_start();
    Some(url.strip_suffix("/metrics")?.to_owned())
}

async fn wait_until_ready(process: &mut Process, guest: &Client) {
    let deadline = Instant::now() + START_TIME;
    let root = guest.root();
    loop {
        let request = root.request(hyper::Method::GET, "/health/ready");
        if matches!(request.try_send().await, Ok(response) if response.status == 200) {
            return;
        }
        let is_late = Instant::now() > deadline;
        assert!(
            !is_late && !process.has_ended(),
            "the service does not become ready:\n{}",
            process.log()
        );
        tokio::time::sleep(START_POLL).await;
    }
}

/// The running service; killed on drop.
pub struct Colloquy {
    // Dropped before the installation: the process must exit before its data is removed.
    process: Process,
    origin: String,
    metrics: Option<String>,
    installation: Installation,
    admin_token: OnceCell<String>,
}

impl Colloquy {
    /// Starts a new service with an administrator.
    pub async fn start(backend: Backend) -> Self {
        Self::installed(backend).await.serve().await
    }

    /// A new installation with an administrator.
    pub async fn installed(backend: Backend) -> Installation {
        Installation::empty(backend)
            .await
            .env("COLLOQUY_ADMIN_EMAIL", ADMIN_EMAIL)
            .env("COLLOQUY_ADMIN_PASSWORD", PASSWORD)
    }

    /// Its data and settings.
    #[must_use]
    pub const fn installation(&self) -> &Installation {
        &self.installation
    }

    /// Its process.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// `http://127.0.0.1:<port>`; changes with every start.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its log since the last start.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// A client without a token.
    #[must_use]
    pub fn guest(&self) -> Client {
        Client::guest(&self.origin)
    }

    /// A client of the metrics address.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn watcher(&self) -> Client {
        Client::guest(self.metrics.as_ref().expect("an address of metrics"))
    }

    /// The first administrator.
    pub async fn admin(&self) -> Client {
        let guest = self.guest();
        let sign_in = async || {
            let admin = guest.sign_in(ADMIN_EMAIL, PASSWORD).await;
            admin.token().to_owned()
        };
        guest.with_token(self.admin_token.get_or_init(sign_in).await)
    }

    /// Creates the user `<name>@example.org`.
    pub async fn user(&self, name: &str) -> Client {
        let email = format!("{name}@example.org");
        let user = json!({"email": email, "password": PASSWORD});
        self.admin().await.post("/users", user).await.expect(201);
        self.guest().sign_in(&email, PASSWORD).await
    }

    /// Creates a public assistant on the echo model; returns its ID.
    pub async fn assistant(&self, name: &str) -> String {
        let fields = json!({"name": name, "user_authentication": false});
        let assistant = self.admin().await.create_assistant(fields).await;
        text(&assistant["id"]).to_owned()
    }

    /// Creates an assistant on that model; returns its ID.
    pub async fn assistant_on(&self, model: &str) -> String {
        let fields = json!({"name": "Tested", "model": model});
        let assistant = self.admin().await.create_assistant(fields).await;
        text(&assistant["id"]).to_owned()
    }

    /// Sends SIGKILL.
    pub async fn kill9(&mut self) {
        self.process.kill9().await;
    }

    /// Sends SIGTERM and waits.
    pub async fn stop(&mut self) -> ExitStatus {
        self.process.terminate();
        self.ended().await
    }

    /// Waits for it to exit.
    pub async fn ended(&mut self) -> ExitStatus {
        self.process.wait().await
    }

    /// Restarts an exited service on its data.
    pub async fn restart(&mut self) {
        assert!(self.process.has_ended(), "it still runs");
        (self.process, self.origin, self.metrics) = self.installation.start().await;
    }
}

impl Drop for Colloquy {
    /// Shows the last log lines when a test fails.
    #[expect(clippy::print_stderr, reason = "part of the test's output")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let skipped = log.lines().count().saturating_sub(LAST_LINES);
            let end: Vec<&str> = log.lines().skip(skipped).collect();
            let state = self.process.status();
            eprintln!("the service ({state}), at last:\n{}", end.join("\n"));
        }
    }
}

/// Makes each test taking a [`Backend`] into `<name>::on_sqlite` and `<name>::on_postgres`.
#[macro_export]
macro_rules! on_both_backends {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use $crate::database::Backend;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                super::$name(Backend::Sqlite).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if Backend::Postgres.is_at_hand() {
                    super::$name(Backend::Postgres).await;
                }
            }
        }
    )+};
}

/// Makes each test into `<name>::on_postgres`, for PostgreSQL's own behaviour.
#[macro_export]
macro_rules! on_postgres {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                if $crate::database::Backend::Postgres.is_at_hand() {
                    super::$name().await;
                }
            }
        }
    )+};
}
