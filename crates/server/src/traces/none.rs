//! Replaces traces in a build without them.

use tokio::runtime::Handle;

use crate::config::TraceSettings;
use crate::fatal_error::FatalError;
use crate::logging::Listener;

pub(crate) struct Traces;

impl Traces {
    #[expect(clippy::unnecessary_wraps, reason = "same signature as with traces")]
    pub(crate) fn open(_: Option<&TraceSettings>, _: &Handle) -> Result<Self, FatalError> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "same signature as with traces")]
    pub(crate) fn listener(&self) -> Option<Listener> {
        None
    }

    #[expect(clippy::unused_self, reason = "same signature as with traces")]
    pub(crate) fn close(self) {}
}
