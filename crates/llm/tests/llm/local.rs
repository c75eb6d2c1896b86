//! Local embedding models: a tiny one made here, and the one in `TEST_EMBEDDING_MODEL`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Tensor, safetensors};
use colloquy_application::ports::{Embedder, Embedding};
use colloquy_llm::{LocalEmbedder, LocalModelError};
use serde_json::{Value, json};
use tempfile::TempDir;

fn config() -> Value {
    json!({
        "model_type": "bert", "vocab_size": 64, "hidden_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 4, "intermediate_size": 48, "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1, "max_position_embeddings": 48, "type_vocab_size": 2,
        "initializer_range": 0.02, "layer_norm_eps": 1e-12, "pad_token_id": 0,
    })
}

/// Special tokens, and every letter at a word's start and inside.
fn tokenizer() -> Value {
    let letters = ('a'..='z').flat_map(|letter| [letter.to_string(), format!("##{letter}")]);
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(str::to_owned);
    let words = special.into_iter().chain(letters).enumerate();
    let vocabulary: serde_json::Map<_, _> = words.map(|(id, word)| (word, id.into())).collect();
    json!({
        "version": "1.0", "truncation": null,
        "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"},
        "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    })
}

fn write(directory: &Path, name: &str, json: &Value) {
    fs::write(directory.join(name), json.to_string()).unwrap();
}

/// Pseudo-random weights that keep a text's tokens distinct.
fn weights() -> HashMap<String, Tensor> {
    const HIDDEN: usize = 32;
    let mut weights = HashMap::new();
    let mut state = 1_u32;
    let mut add = |name: String, shape: &[usize]| {
        let (center, width) = match name.rsplit_once('.') {
            Some((name, "weight")) if name.ends_with("LayerNorm") => (1.0, 0.0),
            Some((_, "bias")) => (0.0, 0.0),
            _ => (0.0, 0.5),
        };
        let number = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let fraction = f32::from(u16::try_from(state >> 16).unwrap()) / 65_536.0;
            center + width * (fraction - 0.5)
        };
        let numbers: Vec<f32> = (0..shape.iter().product()).map(number).collect();
        let tensor = Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap();
        weights.insert(name, tensor);
    };
    for (name, rows) in [("word", 64), ("position", 48), ("token_type", 2)] {
        add(
            format!("embeddings.{name}_embeddings.weight"),
            &[rows, HIDDEN],
        );
    }
    let mut linear = |name: String, input: usize, output: usize| {
        add(format!("{name}.weight"), &[output, input]);
        add(format!("{name}.bias"), &[output]);
    };
    for layer in (0..2).map(|layer| format!("encoder.layer.{layer}")) {
        for part in ["query", "key", "value"] {
            linear(format!("{layer}.attention.self.{part}"), HIDDEN, HIDDEN);
        }
        linear(format!("{layer}.attention.output.dense"), HIDDEN, HIDDEN);
        linear(format!("{layer}.intermediate.dense"), HIDDEN, 48);
        linear(format!("{layer}.output.dense"), 48, HIDDEN);
    }
    let norms = ["encoder.layer.0.attention.output", "encoder.layer.0.output"];
    let more = [
        "encoder.layer.1.attention.output",
        "encoder.layer.1.output",
        "embeddings",
    ];
    for name in norms.into_iter().chain(more) {
        add(format!("{name}.LayerNorm.weight"), &[HIDDEN]);
        add(format!("{name}.LayerNorm.bias"), &[HIDDEN]);
    }
    weights
}

fn tiny_model() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    safetensors::save(&weights(), path.join("model.safetensors")).unwrap();
    write(path, "config.json", &config());
    write(path, "tokenizer.json", &tokenizer());
    directory
}

async fn embedder() -> Option<(Arc<dyn Embedder>, TempDir)> {
    let directory = tiny_model();
    let embedder = LocalEmbedder::open(directory.path()).unwrap();
    Some((Arc::new(embedder), directory))
}

fn cosine(one: &Embedding, other: &Embedding) -> f32 {
    let pairs = one.as_slice().iter().zip(other.as_slice());
    pairs.map(|(a, b)| a * b).sum()
}

mod tiny {
    use super::embedder;

    colloquy_application::embedder_contracts!(embedder);
}

#[tokio::test]
async fn a_text_is_cut_where_the_model_says_and_nothing_is_padded() {
    let directory = tiny_model();
    write(
        directory.path(),
        "sentence_bert_config.json",
        &json!({"max_seq_length": 10}),
    );
    let embedder = LocalEmbedder::open(directory.path()).unwrap();
    let embed = async |text: &str| embedder.embed(text).await.unwrap();
    // Eight letters, `[CLS]` and `[SEP]`.
    let (cut, longer) = (embed("abcd efgh").await, embed("abcd efgh ijkl").await);
    assert!(cosine(&cut, &longer) > 0.9999);
    assert!(cosine(&cut, &embed("abcd efg").await) < 0.9999);
}

#[tokio::test]
async fn a_model_may_say_that_its_first_token_stands_for_the_text() {
    let directory = tiny_model();
    let mean = LocalEmbedder::open(directory.path()).unwrap();
    fs::create_dir(directory.path().join("1_Pooling")).unwrap();
    let pooling = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false});
    write(directory.path(), "1_Pooling/config.json", &pooling);
    let first = LocalEmbedder::open(directory.path()).unwrap();
    let (mean, first) = (mean.embed("abc").await, first.embed("abc").await);
    let similarity = cosine(&mean.unwrap(), &first.unwrap());
    assert!(similarity < 0.9999, "{similarity}");
}

#[test]
fn what_is_wrong_with_a_directory_is_said() {
    let refused = |directory: &Path| LocalEmbedder::open(directory).err().unwrap().to_string();
    let nowhere = refused(Path::new("/no/such/directory"));
    assert!(
        nowhere.ends_with("/no/such/directory/config.json"),
        "{nowhere}"
    );
    for (file, text, expected) in [
        ("config.json", "{}", "config.json is malformed"),
        ("tokenizer.json", "{}", "tokenizer.json is malformed"),
        (
            "model.safetensors",
            "xxxxxxxxxxxx",
            "model.safetensors is malformed",
        ),
        ("config.json", r#"{"model_type": "t5"}"#, "type `t5`"),
    ] {
        let directory = tiny_model();
        fs::write(directory.path().join(file), text).unwrap();
        let message = refused(directory.path());
        assert!(message.contains(expected), "{message}");
    }
    let directory = tiny_model();
    fs::remove_file(directory.path().join("tokenizer.json")).unwrap();
    let error = LocalEmbedder::open(directory.path()).err().unwrap();
    assert!(matches!(error, LocalModelError::Read { .. }));
}

#[expect(clippy::print_stdout, reason = "reports a skipped test")]
fn real_model() -> Option<LocalEmbedder> {
    let Ok(directory) = std::env::var("TEST_EMBEDDING_MODEL") else {
        println!("not run: TEST_EMBEDDING_MODEL is not set");
        return None;
    };
    Some(LocalEmbedder::open(Path::new(&directory)).unwrap())
}

#[tokio::test]
async fn a_real_model_finds_the_similarities_that_are_known_of_it() {
    let Some(embedder) = real_model() else {
        return;
    };
    let embed = async |text: &str| embedder.embed(text).await.unwrap();
    let happy = embed("That is a happy person").await;
    // From the documentation of all-MiniLM-L6-v2.
    for (text, similarity) in [
        ("That is a happy dog", 0.695),
        ("That is a very happy person", 0.943),
        ("Today is a sunny day", 0.257),
    ] {
        let found = cosine(&happy, &embed(text).await);
        assert!((found - similarity).abs() < 0.002, "{text}: {found}");
    }
}
