//! Ceilings: a bare axum server in its own process, with the service's runtime and profile.

mod memory;
mod queries;

use std::path::PathBuf;

use axum::Router;
use colloquy_tests::process::Process;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::process::Command;

pub(crate) use memory::Answer;

use crate::store::Store;

#[derive(Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) database_url: String,
    pub(crate) answers: Vec<Answer>,
}

pub(crate) struct Ceiling {
    origin: String,
    // Killed on drop.
    _process: Process,
}

impl Ceiling {
    /// Starts the process; the program is passed through a file.
    pub(crate) async fn start(program: &Program, file: PathBuf) -> Self {
        let json = serde_json::to_vec(program).expect("JSON");
        std::fs::write(&file, json).expect("a file");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg(ARGUMENT).arg(file).kill_on_drop(true);
        let process = Process::spawn(command);
        let origin = process
            .line(|line| Some(line.strip_prefix(LISTENS)?.to_owned()))
            .await;
        Self {
            origin,
            _process: process,
        }
    }

    pub(crate) fn memory(&self, row: usize) -> String {
        format!("{}{}", self.origin, memory::path(row))
    }

    pub(crate) fn query(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

/// Selects the ceiling server.
pub(crate) const ARGUMENT: &str = "ceiling";
const LISTENS: &str = "listens at ";

/// Serves the program in the file until killed.
pub(crate) async fn serve(file: &str) {
    let json = std::fs::read(file).expect("a program");
    let program: Program = serde_json::from_slice(&json).expect("a program");
    let store = Store::reader(&program.database_url).await;
    let router: Router = memory::routes(program.answers).merge(queries::routes(store));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound address");
    println!("{LISTENS}http://{address}");
    let served = axum::serve(listener, router).await;
    served.expect("the ceiling serves");
}
