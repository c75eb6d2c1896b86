//! In-memory fakes of the ports.

mod answers;
mod assistants;
mod blobs;
mod deletions;
mod files;
mod images;
mod matcher;
mod memory;
mod messages;
mod models;
mod runs;
mod sign_ins;
mod system;
mod threads;
mod tokens;
mod users;

pub use answers::{LetterEmbedder, MemoryAnswers, Mood};
pub use blobs::MemoryBlobs;
pub use images::PretendedAvatars;
pub use matcher::KnownParaphrases;
pub use memory::Memory;
pub use models::{Gate, Script, ScriptedModel};
pub use system::{CountingSecrets, ManualClock, SequentialIds};
