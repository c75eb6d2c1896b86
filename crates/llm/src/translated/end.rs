//! What `genai` knows of an answer's end and does not tell before the last event.

use std::sync::{Arc, Mutex, PoisonError};

use genai::chat::{ChatFrameSink, FrameCtx, RawFrameRef};

/// Anthropic's reason for stopping, as soon as it has come: from then on the answer is whole.
#[derive(Debug, Clone, Default)]
pub(super) struct EndSeen(Arc<Mutex<Option<String>>>);

impl EndSeen {
    pub(super) fn sink(&self) -> Arc<dyn ChatFrameSink> {
        Arc::new(self.clone())
    }

    pub(super) fn reason(&self) -> Option<String> {
        let reason = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reason.clone()
    }
}

impl ChatFrameSink for EndSeen {
    fn on_frame(&self, _: &FrameCtx, frame: RawFrameRef<'_>) {
        if frame.event != Some("message_delta") {
            return;
        }
        let reason = frame.json().and_then(|data| {
            let reason = data.pointer("/delta/stop_reason")?.as_str()?;
            Some(reason.to_owned())
        });
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = seen.take().or(reason);
    }
}
