use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use colloquy_persistence::{ConnectError, MigrateError};

use crate::cli::UsageError;
use crate::config::ConfigError;
use crate::instance::InstanceError;
use crate::sole_server::SoleServerError;

/// Why the program ends before its task is done. It is told on one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line cannot be read.
    #[error(transparent)]
    Usage(#[from] UsageError),
    /// A setting is wrong or unknown.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The task cannot be done as it was given.
    #[error("{0}")]
    Refused(String),
    /// The data directory cannot be made.
    #[error("cannot make the data directory {}", path.display())]
    DataDir {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The address cannot be served on.
    #[error("cannot listen on {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error(transparent)]
    SoleServer(#[from] SoleServerError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Blobs(#[from] colloquy_blob::OpenError),
    #[error(transparent)]
    Migrate(#[from] MigrateError),
    #[error(transparent)]
    Tools(#[from] colloquy_application::tools::ToolboxError),
    #[error(transparent)]
    CodeAssistant(#[from] colloquy_application::assistants::CodeAssistantError),
    #[error(transparent)]
    UseCase(#[from] colloquy_application::Error),
    #[error(transparent)]
    Port(#[from] colloquy_application::ports::PortError),
    /// Traces cannot be sent as the settings say.
    #[cfg(feature = "otlp")]
    #[error("cannot send traces")]
    Traces(#[source] colloquy_application::ports::BoxError),
    #[error("cannot read or write")]
    Io(#[from] io::Error),
}

impl Failure {
    /// 2 for what the operator wrote, 1 for the rest.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Config(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
