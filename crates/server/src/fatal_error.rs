//! Why the program ends early.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use colloquy_persistence::{ConnectError, MigrateError};

use crate::cli::UsageError;
use crate::config::ConfigError;
use crate::instance::InstanceError;
use crate::sole_server::SoleServerError;

/// Displays as one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FatalError {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The command cannot be executed as given.
    #[error("{0}")]
    Refused(String),
    #[error("cannot create the data directory {}", path.display())]
    DataDir {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
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
    #[cfg(feature = "otlp")]
    #[error("cannot send traces")]
    Traces(#[source] colloquy_application::ports::BoxError),
    #[error("cannot read or write")]
    Io(#[from] io::Error),
}

impl FatalError {
    /// 2 for mistakes in the command line or settings, else 1.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) | Self::Config(_) => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}
