"""Trains a transformer with weights in {-1, 0, +1}, in NumPy alone; made chapter by chapter.

Tasks: `copy`, with four checks, or `text`, Python's documentation, with a file for llama.cpp."""

# --- Chapter 1: three values
import numpy as np

GROUP_SIZE = 128


def codes_and_scales(groups, counts):
    """Codes int8 `(n, 128)` and scales float16 `(n,)` of groups that hold `counts` weights."""
    m = np.abs(groups).sum(axis=1, keepdims=True) / counts[:, None]
    codes = (groups > m / 2).astype(np.int8) - (groups < -m / 2)
    return codes, m[:, 0].astype(np.float16)


# --- Chapter 2: straight through
def linear(x, W):
    """Outputs `(n, out_dim)` of inputs `(n, in_dim)` with ternary weights `(out_dim, in_dim)`."""
    return x @ W.T


def linear_backward(x, W, dy):
    """dL/dx, and dL/dW at the ternary weights, which the latents take as theirs."""
    return dy @ W, dy.T @ x


def slope_error(loss, W, dW, rng, h=1e-5):
    """Relative error of dL/dW, along a random direction, against the slope of ``loss(W)``."""
    step = h * rng.standard_normal(W.shape)
    return abs(2 * (dW * step).sum() / (loss(W + step) - loss(W - step)) - 1)


# --- Chapter 3: groups
def to_groups(W):
    """Rows of a matrix, padded with zeros to groups `(n, 128)`, and how many weights each holds."""
    padding = (0, 0), (0, -W.shape[1] % GROUP_SIZE)
    groups, real = (np.pad(x, padding).reshape(-1, GROUP_SIZE) for x in (W, np.ones_like(W)))
    return groups, real.sum(axis=1)


# --- Chapter 4: scales that are zero, and numbers that are none
def ternarize(name, W):
    """Codes `(n, 128)` and scales `(n,)` of its groups, and their products in the shape of W."""
    codes, scales = codes_and_scales(*to_groups(W))
    if not np.isfinite(scales).all():
        raise ValueError(f"{name}: a scale is {scales.max()}; train with a smaller rate")
    codes[scales == 0] = 0
    weights = codes * scales[:, None].astype(W.dtype)
    return codes, scales, weights.reshape(len(W), -1)[:, : W.shape[1]]


def project(latents):
    """The weights of all latents: matrices become ternary, and gains stay as they are."""
    return {name: ternarize(name, W)[2] if W.ndim == 2 else W for name, W in latents.items()}


# --- Chapter 5: AdamW
def adamw(w, g, m, v, t, lr, weight_decay, beta1=0.9, beta2=0.95, eps=1e-8):
    """Step `t`, counted from 1, of one array `w` in place; m and v are its two averages."""
    m += (1 - beta1) * (g - m)
    v += (1 - beta2) * (g * g - v)
    m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
    w -= lr * (m_hat / (np.sqrt(v_hat) + eps) + weight_decay * w)


# --- Chapter 6: the embedding, and the first latents
def embedding_backward(tokens, table, dx):
    """The gradient of a table: a linear layer with one-hot inputs, read the other way round."""
    return np.eye(len(table), dtype=dx.dtype)[tokens].T @ dx


def first_latents(shapes, rng):
    """Normal latents of variance 1 / in_dim for matrices, ones for gains."""
    latents = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    for w in latents.values():
        w *= rng.standard_normal(w.shape, np.float32) * w.shape[1] ** -0.5 if w.ndim == 2 else 1
    return latents


# --- Chapter 7: the transformer
VOCAB, D, HEADS, FF, LAYERS, EPS, BASE = 256, 128, 4, 512, 2, 1e-5, 10000.0
BLOCK = {**dict.fromkeys("qkvo", (D, D)), "up": (FF, D), "down": (D, FF)}
BLOCK |= {"norm1": (D,), "norm2": (D,)}
SHAPES = {"embedding": (VOCAB, D)}
SHAPES |= {f"layers.{i}.{name}": shape for i in range(LAYERS) for name, shape in BLOCK.items()}
SHAPES |= {"head": (VOCAB, D), "norm": (D,)}


def norm(x, gain):
    """RMSNorm of `(n, D)`; also the normalised x and 1 / rms, for the way back."""
    r = 1 / np.sqrt((x * x).mean(axis=1, keepdims=True) + EPS)
    return x * r * gain, (x * r, r)


def norm_backward(kept, gain, dy):
    x_hat, r = kept
    along = (dy * gain * x_hat).mean(axis=1, keepdims=True)
    return (dy * gain - along * x_hat) * r, (dy * x_hat).sum(axis=0)


def turn(x, sign):
    """Turn the pairs of neighbouring features of `(B, HEADS, T, d)` by their position."""
    T, d = x.shape[2:]
    angles = np.arange(T)[:, None] * BASE ** (-np.arange(0, d, 2) / d)
    pairs = np.ascontiguousarray(x).view(np.result_type(x, np.complex64))
    return (pairs * np.exp(sign * 1j * angles).astype(pairs.dtype)).view(x.dtype)


def attention(qkv, T):
    """Causal attention; `qkv` is `(B T, 3 D)`, queries, keys and values side by side."""
    q, k, v = qkv.reshape(-1, T, 3, HEADS, D // HEADS).transpose(2, 0, 3, 1, 4)
    q, k = turn(q, 1) / np.sqrt(D // HEADS, dtype=q.dtype), turn(k, 1)
    P = q @ k.swapaxes(2, 3) + np.triu(np.full((T, T), -np.inf, q.dtype), 1)
    P = np.exp(P - P.max(axis=3, keepdims=True))
    P /= P.sum(axis=3, keepdims=True)
    return (P @ v).swapaxes(1, 2).reshape(-1, D), (q, k, v, P)


def attention_backward(kept, dy):
    q, k, v, P = kept
    dy = dy.reshape(len(v), v.shape[2], HEADS, -1).swapaxes(1, 2)
    dP = dy @ v.swapaxes(2, 3)
    dS = P * (dP - (dP * P).sum(axis=3, keepdims=True))
    dq, dk, dv = dS @ k, dS.swapaxes(2, 3) @ q, P.swapaxes(2, 3) @ dy
    dq, dk = turn(dq, -1) / np.sqrt(D // HEADS, dtype=q.dtype), turn(dk, -1)
    return np.stack([dq, dk, dv]).transpose(1, 3, 0, 2, 4).reshape(-1, 3 * D)


def forward(w, tokens):
    """Logits `(B T, VOCAB)` of tokens `(B, T)`, and what the way back needs."""
    x, kept = w["embedding"][tokens.reshape(-1)], []
    for i in range(LAYERS):
        p = f"layers.{i}."
        h, n1 = norm(x, w[p + "norm1"])
        qkv = linear(h, np.vstack([w[p + name] for name in "qkv"]))
        y, a = attention(qkv, tokens.shape[1])
        x = x + linear(y, w[p + "o"])
        z, n2 = norm(x, w[p + "norm2"])
        relu = np.maximum(linear(z, w[p + "up"]), 0)
        x = x + linear(relu**2, w[p + "down"])
        kept.append((h, n1, y, a, z, n2, relu))
    x, last = norm(x, w["norm"])
    return linear(x, w["head"]), (tokens, kept, x, last)


def backward(w, memory, dlogits):
    (tokens, kept, x, last), g = memory, {}
    dx, g["head"] = linear_backward(x, w["head"], dlogits)
    dx, g["norm"] = norm_backward(last, w["norm"], dx)
    for i in reversed(range(LAYERS)):
        p, (h, n1, y, a, z, n2, relu) = f"layers.{i}.", kept[i]
        da, g[p + "down"] = linear_backward(relu**2, w[p + "down"], dx)
        dz, g[p + "up"] = linear_backward(z, w[p + "up"], 2 * relu * da)
        dz, g[p + "norm2"] = norm_backward(n2, w[p + "norm2"], dz)
        dx = dx + dz
        dy, g[p + "o"] = linear_backward(y, w[p + "o"], dx)
        qkv = np.vstack([w[p + name] for name in "qkv"])
        dh, dqkv = linear_backward(h, qkv, attention_backward(a, dy))
        g |= {p + name: dW for name, dW in zip("qkv", np.split(dqkv, 3), strict=True)}
        dh, g[p + "norm1"] = norm_backward(n1, w[p + "norm1"], dh)
        dx = dx + dh
    return g | {"embedding": embedding_backward(tokens.reshape(-1), w["embedding"], dx)}


def cross_entropy(logits, targets):
    """Mean loss in nats of targets `(n,)`, and dL/dlogits."""
    z = logits - logits.max(axis=1, keepdims=True)
    p, at = np.exp(z), (np.arange(len(targets)), targets)
    p /= (total := p.sum(axis=1, keepdims=True))
    loss = float((np.log(total[:, 0]) - z[at]).mean())
    p[at] -= 1
    return loss, p / len(targets)


# --- Chapter 8: the training loop
def learning_rate(step, steps, peak):
    warmup = steps // 25
    falling = (1 + np.cos(np.pi * max(step - warmup, 0) / (steps - warmup))) / 2
    return peak * min((step + 1) / max(warmup, 1), falling)


def train(latents, batch, steps, lr=3e-3, weight_decay=0.1, max_norm=1.0):
    """Forward, backward, clip, optimize, project, `steps` times; the losses and the weights."""
    averages = {name: (np.zeros_like(w), np.zeros_like(w)) for name, w in latents.items()}
    weights, losses = project(latents), []
    for step in range(steps):
        tokens, targets = batch()
        logits, memory = forward(weights, tokens)
        loss, dlogits = cross_entropy(logits, targets.reshape(-1))
        losses.append(loss)
        gradients = backward(weights, memory, dlogits)
        size = np.sqrt(sum(float((g * g).sum()) for g in gradients.values()))
        for name, w in latents.items():
            g, decay = gradients[name] * min(1.0, max_norm / size), weight_decay * (w.ndim == 2)
            adamw(w, g, *averages[name], step + 1, learning_rate(step, steps, lr), decay)
        weights = project(latents)
        if step % 100 == 0:
            print(f"Step {step}: loss={loss:.3f}", flush=True)
    return losses, weights


# --- Chapter 9: text
def text():
    """Python's own documentation as bytes: nine tenths to train on, the last to be judged by."""
    from pydoc_data.topics import topics

    data = np.frombuffer("\n".join(topics[name] for name in sorted(topics)).encode(), np.uint8)
    return np.split(data.astype(np.int64), [len(data) - len(data) // 10])


def windows(data, starts, length=64):
    found = data[starts[:, None] + np.arange(length + 1)]
    return found[:, :-1], found[:, 1:]


def bits_per_byte(weights, data, length=64):
    tokens, targets = windows(data, np.arange(0, len(data) - length, length), length)
    return cross_entropy(forward(weights, tokens)[0], targets.reshape(-1))[0] / np.log(2)


# --- Chapter 13: packing
def q2_0(codes, scales):
    """Blocks of 64 codes: a float16 scale, and sixteen bytes with four codes of two bits each."""
    digits = (codes + 1).astype(np.uint8).reshape(-1, 16, 4)
    packed = (digits << np.array([0, 2, 4, 6], np.uint8)).sum(axis=2, dtype=np.uint8)
    return np.hstack([np.repeat(scales.astype("<f2"), 2)[:, None].view(np.uint8), packed])


# --- Chapter 14: a file for llama.cpp
def gguf(x):
    """Text, a list of text, an int or a float: the number of its type in GGUF, then its bytes."""
    if isinstance(x, str):
        return np.array([8, len(x.encode()), 0], "<u4").tobytes() + x.encode()
    if isinstance(x, list):
        return np.array([9, 8, len(x), 0], "<u4").tobytes() + b"".join(gguf(y)[4:] for y in x)
    kind, dtype = (4, "<u4") if isinstance(x, int) else (6, "<f4")
    return np.uint32(kind).tobytes() + np.array(x, dtype).tobytes()


def write_gguf(path, latents, context=64):
    """Codes, scales and gains under llama.cpp's names, with all that it asks for."""
    names = {"o": "attn_output", "norm1": "attn_norm", "norm2": "ffn_norm"}
    names |= {"embedding": "token_embd", "head": "output", "norm": "output_norm"}
    names |= {"q": "attn_q", "k": "attn_k", "v": "attn_v", "up": "ffn_up", "down": "ffn_down"}
    odd = [b for b in range(256) if not (33 <= b <= 126 or 161 <= b <= 172 or b >= 174)]
    tokens = [chr(256 + odd.index(b) if b in odd else b) for b in range(256)]
    about = {"context_length": context, "embedding_length": D, "feed_forward_length": FF}
    about |= {"block_count": LAYERS, "attention.head_count": HEADS}
    about |= {"attention.layer_norm_rms_epsilon": EPS, "rope.freq_base": BASE}
    about = {"general.architecture": "arcee"} | {f"arcee.{k}": x for k, x in about.items()}
    about |= {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2"}
    about |= {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": []}
    about |= {f"tokenizer.ggml.{k}_token_id": 0 for k in ("bos", "eos")}
    head, body = b"".join(gguf(k)[4:] + gguf(x) for k, x in about.items()), b""
    for name, w in latents.items():
        *layer, part = name.split(".")
        name = ".".join([*(["blk", layer[1]] if layer else []), names[part], "weight"])
        kind, data = (42, q2_0(*ternarize(name, w)[:2])) if w.ndim == 2 else (0, w.astype("<f4"))
        head += gguf(name)[4:] + np.uint32(w.ndim).tobytes()
        head += np.array(w.shape[::-1], "<u8").tobytes()
        head += np.uint32(kind).tobytes() + np.uint64(len(body)).tobytes()
        body += data.tobytes() + bytes(-data.nbytes % 32)
    head = b"GGUF" + np.array([3, len(latents), 0, len(about), 0], "<u4").tobytes() + head
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % 32) + body)


# --- Chapter 15: the run
def main(task="copy"):
    first, rng = (np.random.default_rng(s) for s in np.random.SeedSequence(0).spawn(2))
    latents = first_latents(SHAPES, first)
    if task == "text":
        data, rest = text()
        _, weights = train(latents, lambda: windows(data, rng.integers(0, len(data) - 64, 16)), 800)
        print(f"held-out bits per byte: {bits_per_byte(weights, rest):.3f}")
        write_gguf("model.gguf", latents)
        return
    losses, weights = train(latents, lambda: (rng.integers(0, VOCAB, (32, 16)),) * 2, 500)
    matrices = [name for name, w in latents.items() if w.ndim == 2]
    W, used = (np.vstack([to_groups(x[name])[0] for name in matrices]) for x in (latents, weights))
    loss, scales = np.mean(losses[-10:]), np.abs(used).max(axis=1)
    n_ternary = np.isin(used / scales[:, None], (-1, 0, 1)).sum()
    n_own = (scales == np.abs(W).mean(axis=1).astype(np.float16)).sum()
    unseen = rng.integers(0, VOCAB, (1024, 16))
    right = (forward(weights, unseen)[0].argmax(axis=1) == unseen.reshape(-1)).mean()
    for name, passed, found in (
        ("train loss", loss < 0.3, f"{loss:.3f}, expected below 0.3"),
        ("weights in {-1, 0, +1}", n_ternary == W.size, f"{n_ternary} of {W.size}"),
        ("one scale a group", n_own == len(W), f"{n_own} of {len(W)} are the mean of their |w|"),
        ("held-out accuracy", right > 0.8, f"{100 * right:.1f} %, expected above 80 %"),
    ):
        print("PASS" if passed else "FAIL", f" {name}: {found}")


if __name__ == "__main__":
    import sys

    sys.exit(main(*sys.argv[1:]) if sys.argv[1:] in ([], ["copy"], ["text"]) else __doc__)
