//! The binary and its processes.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{Resource, Rlimit, prlimit};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(60);

static BINARY: OnceLock<PathBuf> = OnceLock::new();

/// Runs this program instead of `colloquy` in this process's tests.
pub fn use_binary(program: &str) {
    BINARY.get_or_init(|| program.into());
}

/// The binary `colloquy`: `COLLOQUY_BIN`, or built once.
pub fn binary() -> &'static Path {
    BINARY.get_or_init(|| std::env::var_os("COLLOQUY_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = std::process::Command::new(cargo);
    command
        .args(["build", "--package", "colloquy-server", "--bin", "colloquy"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit());
    if cfg!(feature = "otlp") {
        command.args(["--features", "otlp"]);
    }
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    // Inherited, Cargo's variables would rerun build scripts and rebuild dependents.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&*name);
        }
    }
    let output = command.output().expect("cargo runs");
    assert!(output.status.success(), "the binary does not build");
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)));
    executable.expect("cargo names the binary")
}

/// A command in a directory, with only the environment `env`.
pub(crate) fn command<'a>(
    directory: &Path,
    arguments: &[&str],
    env: impl Iterator<Item = (&'a str, &'a str)>,
) -> Command {
    let mut command = Command::new(binary());
    command
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs(env)
        .kill_on_drop(true);
    command
}

/// Runs a command with this standard input.
///
/// # Panics
/// If it takes longer than a minute.
pub(crate) async fn run(mut command: Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    // A command may exit without reading.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = tokio::time::timeout(PATIENCE, child.wait_with_output()).await;
    output.expect("the command ends").expect("its output")
}

/// A background process, killed on drop.
pub struct Process {
    child: Child,
    log: watch::Receiver<String>,
}

impl Process {
    /// Starts the process and collects its output.
    ///
    /// # Panics
    /// On failure.
    #[must_use]
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let log = watch::Sender::default();
        let seen = log.subscribe();
        tokio::spawn(collect(child.stdout.take().expect("piped"), log.clone()));
        tokio::spawn(collect(child.stderr.take().expect("piped"), log));
        Self { child, log: seen }
    }

    /// Its output so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.borrow().clone()
    }

    /// Waits for a line that `wanted` accepts.
    ///
    /// # Panics
    /// If the process exits first or a minute passes.
    pub async fn line<T>(&self, wanted: fn(&str) -> Option<T>) -> T {
        let mut log = self.log.clone();
        let has_it = |log: &String| log.lines().any(|line| wanted(line).is_some());
        let search = async { log.wait_for(has_it).await.is_ok() };
        let found = tokio::time::timeout(PATIENCE, search).await;
        let log = self.log();
        match log.lines().find_map(wanted) {
            Some(found) => found,
            None => panic!("no such line in the log ({found:?}):\n{log}"),
        }
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Sends SIGKILL.
    pub async fn kill9(&mut self) {
        self.signal(Signal::SIGKILL);
        self.wait().await;
    }

    /// Waits for it to exit.
    ///
    /// # Panics
    /// After a minute.
    pub async fn wait(&mut self) -> ExitStatus {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        status.expect("the process ends").expect("a status")
    }

    /// Whether it has exited.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a status").is_some()
    }

    /// Its exit status, or that it is running.
    pub(crate) fn status(&mut self) -> String {
        match self.child.try_wait() {
            Ok(Some(status)) => status.to_string(),
            Ok(None) => "running".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    /// Its process ID; `None` once waited for.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Sets or lifts the limit on file sizes.
    ///
    /// # Panics
    /// If the process has exited.
    pub fn limit_file_size(&self, bytes: Option<u64>) {
        let id = self.child.id().expect("the process runs");
        let id = rustix::process::Pid::from_raw(id.try_into().expect("a process id"));
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        prlimit(id, Resource::Fsize, limit).expect("a permitted limit");
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.id().expect("the process runs");
        let id = Pid::from_raw(id.try_into().expect("a process id"));
        kill(id, signal).expect("a permitted signal");
    }
}

async fn collect(output: impl AsyncRead + Unpin, log: watch::Sender<String>) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        log.send_modify(|log| {
            log.push_str(&line);
            log.push('\n');
        });
    }
}
