use std::sync::Arc;

use colloquy_application::ports::Clock;
use colloquy_application::system::SystemClock;

use crate::config::Configuration;
use crate::failure::Failure;
use crate::terminal::print;

/// Prints the effective settings, after the same checks that `serve` makes of them.
pub(crate) fn config(configuration: &Configuration) -> Result<(), Failure> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    configuration.models(&clock)?;
    print(configuration.report().trim_end())?;
    Ok(())
}
