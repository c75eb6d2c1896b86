//! `colloquy config`.

use std::sync::Arc;

use colloquy_application::ports::Clock;
use colloquy_application::system::SystemClock;

use crate::builder::Extensions;
use crate::config::Configuration;
use crate::fatal_error::FatalError;
use crate::model_router::ModelRouter;
use crate::terminal::print;

/// Applies the same checks as `serve`.
pub(crate) fn config(
    configuration: &Configuration,
    extensions: Extensions,
) -> Result<(), FatalError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    configuration.check_default_model(&ModelRouter {
        configured: Arc::new(configuration.providers(&clock)?),
        registered: extensions.models,
    })?;
    print(configuration.report().trim_end())?;
    Ok(())
}
