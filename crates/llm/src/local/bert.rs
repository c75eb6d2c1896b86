//! A BERT encoder for one text at a time, hence without padding or masks.

use candle_core::{Result, Tensor};
use candle_nn::{Embedding, LayerNorm, Linear, Module as _, VarBuilder, ops};
use serde::Deserialize;

/// `config.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Activation,
    pub(super) max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
    #[serde(default)]
    position_embedding_type: Positions,
}

#[derive(Debug, Clone, Copy, Deserialize)]
enum Activation {
    #[serde(rename = "gelu")]
    Gelu,
    #[serde(rename = "gelu_new", alias = "gelu_pytorch_tanh")]
    GeluByTanh,
    #[serde(rename = "relu")]
    Relu,
}

#[derive(Debug, Default, Deserialize)]
enum Positions {
    #[default]
    #[serde(rename = "absolute")]
    Absolute,
}

pub(super) struct Bert {
    words: Embedding,
    positions: Embedding,
    types: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Bert {
    pub(super) fn load(weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        // Some files prefix every name.
        let is_named = weights.contains_tensor("bert.embeddings.word_embeddings.weight");
        let weights = if is_named {
            weights.pp("bert")
        } else {
            weights.clone()
        };
        let Positions::Absolute = config.position_embedding_type;
        let inputs = weights.pp("embeddings");
        let table = |rows, name| candle_nn::embedding(rows, config.hidden_size, inputs.pp(name));
        let layers = weights.pp("encoder.layer");
        Ok(Self {
            words: table(config.vocab_size, "word_embeddings")?,
            positions: table(config.max_position_embeddings, "position_embeddings")?,
            types: table(config.type_vocab_size, "token_type_embeddings")?,
            norm: norm(&inputs, config)?,
            layers: (0..config.num_hidden_layers)
                .map(|number| Layer::load(&layers.pp(number), config))
                .collect::<Result<_>>()?,
        })
    }

    /// One row per token.
    pub(super) fn vectors(&self, tokens: &Tensor, types: &Tensor) -> Result<Tensor> {
        let count = u32::try_from(tokens.dim(0)?).unwrap_or(u32::MAX);
        let positions = Tensor::arange(0, count, tokens.device())?;
        let vectors = (self.words.forward(tokens)? + self.positions.forward(&positions)?)?;
        let vectors = (vectors + self.types.forward(types)?)?;
        let vectors = self.norm.forward(&vectors)?;
        let mut layers = self.layers.iter();
        layers.try_fold(vectors, |vectors, layer| layer.forward(&vectors))
    }
}

struct Layer {
    attention: Attention,
    widen: Linear,
    activation: Activation,
    narrow: Linear,
    norm: LayerNorm,
}

impl Layer {
    fn load(weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        let (narrow, wide) = (config.hidden_size, config.intermediate_size);
        let output = weights.pp("output");
        Ok(Self {
            attention: Attention::load(&weights.pp("attention"), config)?,
            widen: candle_nn::linear(narrow, wide, weights.pp("intermediate.dense"))?,
            activation: config.hidden_act,
            narrow: candle_nn::linear(wide, narrow, output.pp("dense"))?,
            norm: norm(&output, config)?,
        })
    }

    fn forward(&self, vectors: &Tensor) -> Result<Tensor> {
        let vectors = self.attention.forward(vectors)?;
        let wide = self.widen.forward(&vectors)?;
        let wide = match self.activation {
            Activation::Gelu => wide.gelu_erf(),
            Activation::GeluByTanh => wide.gelu(),
            Activation::Relu => wide.relu(),
        }?;
        self.norm.forward(&(self.narrow.forward(&wide)? + vectors)?)
    }
}

struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    heads: usize,
    output: Linear,
    norm: LayerNorm,
}

impl Attention {
    fn load(weights: &VarBuilder<'_>, config: &Config) -> Result<Self> {
        let size = config.hidden_size;
        let linear = |name| candle_nn::linear(size, size, weights.pp(name));
        Ok(Self {
            query: linear("self.query")?,
            key: linear("self.key")?,
            value: linear("self.value")?,
            heads: config.num_attention_heads,
            output: linear("output.dense")?,
            norm: norm(&weights.pp("output"), config)?,
        })
    }

    fn forward(&self, vectors: &Tensor) -> Result<Tensor> {
        let (query, key, value) = (
            self.by_head(&self.query, vectors)?,
            self.by_head(&self.key, vectors)?,
            self.by_head(&self.value, vectors)?,
        );
        #[expect(
            clippy::cast_precision_loss,
            reason = "heads have at most some dozens of dimensions"
        )]
        let scale = (query.dim(2)? as f64).sqrt();
        let scores = (query.matmul(&key.t()?)? / scale)?;
        let seen = ops::softmax_last_dim(&scores)?.matmul(&value)?;
        let seen = seen.transpose(0, 1)?.contiguous()?.flatten_from(1)?;
        self.norm.forward(&(self.output.forward(&seen)? + vectors)?)
    }

    /// Dimensions: heads, tokens, numbers.
    fn by_head(&self, linear: &Linear, vectors: &Tensor) -> Result<Tensor> {
        let (tokens, size) = vectors.dims2()?;
        let split = (tokens, self.heads, size / self.heads.max(1));
        let split = linear.forward(vectors)?.reshape(split)?;
        split.transpose(0, 1)?.contiguous()
    }
}

fn norm(weights: &VarBuilder<'_>, config: &Config) -> Result<LayerNorm> {
    let weights = weights.pp("LayerNorm");
    candle_nn::layer_norm(config.hidden_size, config.layer_norm_eps, weights)
}
