"""The architecture `arcee` for mlx-lm: Llama with a squared ReLU, here without any bias.

mlx-lm makes the model of a folder from the file that ``model_file`` in its config.json names. It
wants two classes, ModelArgs and Model, and replaces the linear layers and the embedding by
quantised ones where the folder holds scales for them.
"""

from dataclasses import dataclass

import mlx.nn as nn
from mlx_lm.models.base import BaseModelArgs, create_attention_mask, scaled_dot_product_attention


@dataclass
class ModelArgs(BaseModelArgs):
    """What is read from config.json."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0


class Attention(nn.Module):
    """Causal attention with rotary positions."""

    def __init__(self, args):
        super().__init__()
        d = args.hidden_size
        self.n_heads = args.num_attention_heads
        self.head_dim = d // self.n_heads
        self.q_proj = nn.Linear(d, d, bias=False)
        self.k_proj = nn.Linear(d, d, bias=False)
        self.v_proj = nn.Linear(d, d, bias=False)
        self.o_proj = nn.Linear(d, d, bias=False)
        # Neighbouring features turn together: MLX calls that order the traditional one.
        self.rope = nn.RoPE(self.head_dim, traditional=True, base=args.rope_theta)

    def __call__(self, x, mask, cache):
        B, T, D = x.shape
        q, k, v = (
            project(x).reshape(B, T, self.n_heads, -1).swapaxes(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        offset = cache.offset if cache is not None else 0
        q, k = self.rope(q, offset=offset), self.rope(k, offset=offset)
        if cache is not None:
            k, v = cache.update_and_fetch(k, v)
        y = scaled_dot_product_attention(q, k, v, cache=cache, scale=self.head_dim**-0.5, mask=mask)
        return self.o_proj(y.swapaxes(1, 2).reshape(B, T, D))


class MLP(nn.Module):
    """Up, squared ReLU, down."""

    def __init__(self, args):
        super().__init__()
        self.up_proj = nn.Linear(args.hidden_size, args.intermediate_size, bias=False)
        self.down_proj = nn.Linear(args.intermediate_size, args.hidden_size, bias=False)

    def __call__(self, x):
        return self.down_proj(nn.relu(self.up_proj(x)).square())


class Block(nn.Module):
    """One layer: both branches add to the stream."""

    def __init__(self, args):
        super().__init__()
        self.self_attn = Attention(args)
        self.mlp = MLP(args)
        self.input_layernorm = nn.RMSNorm(args.hidden_size, args.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(args.hidden_size, args.rms_norm_eps)

    def __call__(self, x, mask, cache):
        x = x + self.self_attn(self.input_layernorm(x), mask, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    """Everything below the head."""

    def __init__(self, args):
        super().__init__()
        self.embed_tokens = nn.Embedding(args.vocab_size, args.hidden_size)
        self.layers = [Block(args) for _ in range(args.num_hidden_layers)]
        self.norm = nn.RMSNorm(args.hidden_size, args.rms_norm_eps)

    def __call__(self, tokens, cache):
        # The scales are float16, the gains float32. A product of both is float32 in MLX, so from
        # the first normalisation on everything is.
        x = self.embed_tokens(tokens)
        caches = cache or [None] * len(self.layers)
        mask = create_attention_mask(x, caches[0])
        for layer, layer_cache in zip(self.layers, caches, strict=True):
            x = layer(x, mask, layer_cache)
        return self.norm(x)


class Model(nn.Module):
    """Logits of tokens."""

    def __init__(self, args):
        super().__init__()
        self.args = args
        self.model_type = "arcee"
        self.model = Decoder(args)
        self.lm_head = nn.Linear(args.hidden_size, args.vocab_size, bias=False)

    def __call__(self, tokens, cache=None):
        return self.lm_head(self.model(tokens, cache))

    @property
    def layers(self):
        return self.model.layers
