//! Runs the contract suites on the fakes.

use std::sync::Arc;

use colloquy_application::Stores;
use colloquy_application::ports::{
    AnswerCache, AvatarRenderer, BlobStore, Embedder, QuestionMatcher,
};
use colloquy_application::testing::fakes::{
    KnownParaphrases, LetterEmbedder, Memory, MemoryAnswers, MemoryBlobs, PretendedAvatars,
};

async fn stores() -> Option<(Stores, ())> {
    Some((Memory::new().stores(), ()))
}

async fn blobs() -> Option<(Arc<dyn BlobStore>, ())> {
    Some((Arc::new(MemoryBlobs::default()), ()))
}

async fn renderer() -> Option<(Arc<dyn AvatarRenderer>, ())> {
    Some((Arc::new(PretendedAvatars), ()))
}

async fn answers() -> Option<(Arc<dyn AnswerCache>, ())> {
    Some((Arc::new(MemoryAnswers::default()), ()))
}

async fn embedder() -> Option<(Arc<dyn Embedder>, ())> {
    Some((Arc::new(LetterEmbedder::default()), ()))
}

async fn matcher() -> Option<(Arc<dyn QuestionMatcher>, ())> {
    let known = KnownParaphrases::new([&["what is python", "what's python"]]);
    Some((Arc::new(known), ()))
}

colloquy_application::user_contracts!(stores);
colloquy_application::token_contracts!(stores);
colloquy_application::sign_in_contracts!(stores);
colloquy_application::assistant_contracts!(stores);
colloquy_application::thread_contracts!(stores);
colloquy_application::deletion_contracts!(stores);
colloquy_application::file_contracts!(stores);
colloquy_application::message_contracts!(stores);
colloquy_application::run_contracts!(stores);

mod memory_blobs {
    use super::blobs;

    colloquy_application::blob_contracts!(blobs);
}

colloquy_application::renderer_contracts!(renderer);
mod memory_answers {
    use super::answers;

    colloquy_application::answer_cache_contracts!(answers);
}

mod known_paraphrases {
    use super::matcher;

    colloquy_application::matcher_contracts!(matcher);
}

mod letter_embedder {
    use super::embedder;

    colloquy_application::embedder_contracts!(embedder);
}

#[test]
fn every_contract_is_in_its_suite() {
    let contracts = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/contracts");
    let suites = include_str!("../src/testing/contracts/suites.rs");
    let mut count = 0;
    for entry in std::fs::read_dir(contracts).unwrap() {
        let source = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        for rest in source.split("\npub async fn ").skip(1) {
            let name = rest.split('(').next().unwrap();
            let listed = suites.matches(&format!(" {name},\n")).count();
            assert_eq!(listed, 1, "{name}");
            count += 1;
        }
    }
    assert!(count > 100, "{count} contracts");
}
