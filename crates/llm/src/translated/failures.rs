use std::sync::Arc;

use colloquy_application::ports::{Clock, ModelError, ModelErrorKind};

use crate::failure::{self, StatusError, broken};
use crate::secrets::Secrets;

/// Reads what `genai` says went wrong.
#[derive(Clone)]
pub(super) struct Failures {
    pub(super) secrets: Secrets,
    pub(super) clock: Arc<dyn Clock>,
}

impl Failures {
    pub(super) fn translate(&self, error: genai::Error, has_spoken: bool) -> ModelError {
        let genai::Error::WebStream { error, .. } = error else {
            return self.broken(&error);
        };
        let error = match error.downcast::<reqwest::Error>() {
            Ok(error) => return failure::connection(*error, has_spoken),
            Err(error) => error,
        };
        match error.downcast::<genai::Error>().map(|error| *error) {
            Ok(genai::Error::HttpError {
                status,
                body,
                headers,
                ..
            }) => {
                let body = self.secrets.redact(&body);
                StatusError { status, body }.into_error(&headers, self.clock.now())
            }
            Ok(error) => self.broken(&error),
            Err(error) => ModelError::new(ModelErrorKind::Broken, error),
        }
    }

    fn broken(&self, error: &genai::Error) -> ModelError {
        broken(self.secrets.redact(&error.to_string()))
    }
}
