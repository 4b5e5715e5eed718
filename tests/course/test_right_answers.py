"""Right answers that look nothing like the book's pass: checks judge values and laws, not texts."""

import pytest

from ternary.course import STEPS, grade

ANSWERS = {
    "codes_and_scales": """
def codes_and_scales(groups, counts):
    codes, scales = [], []
    for group, count in zip(groups, counts):
        m = np.abs(group).sum() / count
        codes.append([0 if abs(w) <= m / 2 else int(np.sign(w)) for w in group])
        scales.append(m)
    return np.array(codes, np.int8), np.array(scales, np.float16)
""",
    "to_groups": """
def to_groups(W):
    rows, n = W.shape
    per_row = (n + 127) // 128
    groups, counts = np.zeros((rows, per_row, 128), W.dtype), np.zeros((rows, per_row))
    for i in range(per_row):
        part = W[:, 128 * i : 128 * (i + 1)]
        groups[:, i, : part.shape[1]] = part
        counts[:, i] = part.shape[1]
    return groups.reshape(-1, 128), counts.reshape(-1)
""",
    "slope_error": """
def slope_error(loss, W, dW, rng, h=1e-5):
    direction = rng.standard_normal(W.shape)
    slope = (loss(W + h * direction) - loss(W - h * direction)) / (2 * h)
    return float(np.abs((dW * direction).sum() - slope) / np.abs(slope))
""",
    "adamw": """
def adamw(w, g, m, v, t, lr, weight_decay, beta1=0.9, beta2=0.95, eps=1e-8):
    w *= 1 - lr * weight_decay
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g**2
    w -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + eps)
""",
    "embedding_backward": """
def embedding_backward(tokens, table, dx):
    d = np.zeros(table.shape, dx.dtype)
    np.add.at(d, tokens, dx)
    return d
""",
    "first_latents": """
def first_latents(shapes, rng):
    found = {}
    for name, shape in reversed(shapes.items()):
        if len(shape) == 1:
            found[name] = np.ones(shape, np.float32)
        else:
            found[name] = rng.normal(0, np.sqrt(1 / shape[1]), shape).astype(np.float32)
    return found
""",
    "turn": """
def turn(x, sign):
    T, d = x.shape[2:]
    i = np.arange(0, d, 2)
    a = (sign * np.arange(T)[:, None] * BASE ** (-i / d)).astype(x.dtype)
    out = np.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * np.cos(a) - x[..., 1::2] * np.sin(a)
    out[..., 1::2] = x[..., 0::2] * np.sin(a) + x[..., 1::2] * np.cos(a)
    return out
""",
    "cross_entropy": """
def cross_entropy(logits, targets):
    z = logits - logits.max(axis=1)[:, None]
    logp = z - np.log(np.exp(z).sum(axis=1))[:, None]
    hot = np.eye(logits.shape[1])[targets]
    return -(logp * hot).sum() / len(z), (np.exp(logp) - hot) / len(z)
""",
    "learning_rate": """
def learning_rate(step, steps, peak):
    rise = steps // 25
    if step < rise:
        return peak * (step + 1) / rise
    return peak * np.cos(np.pi / 2 * (step - rise) / (steps - rise)) ** 2
""",
    "windows": """
def windows(data, starts, length=64):
    tokens = np.stack([data[s : s + length] for s in starts])
    return [tokens, np.stack([data[s + 1 : s + length + 1] for s in starts])]
""",
    "keep_int8": """
def keep_int8(w, rng):
    spacing = 2.0 ** np.ceil(np.log2(np.abs(w).max(axis=-1, keepdims=True) / 127))
    low = np.floor(w / spacing)
    up = rng.random(w.shape) < w / spacing - low
    return (np.clip(low + up, -127, 127) * spacing).astype(np.float32)
""",
    "read_q2_0": """
def read_q2_0(blocks):
    out = []
    for block in blocks:
        scale = np.frombuffer(bytes(block[:2]), '<f2')[0]
        digits = [(b >> s) % 4 for b in block[2:].tolist() for s in (0, 2, 4, 6)]
        out.append([(digit - 1) * float(scale) for digit in digits])
    return np.array(out, np.float32)
""",
    "gguf": """
import struct
def gguf(x):
    if isinstance(x, str):
        return struct.pack('<IQ', 8, len(x.encode())) + x.encode()
    if isinstance(x, list):
        return struct.pack('<IIQ', 9, 8, len(x)) + b''.join(gguf(y)[4:] for y in x)
    return struct.pack('<II', 4, x) if isinstance(x, int) else struct.pack('<If', 6, x)
""",
    "dead_groups": """
def dead_groups(latents):
    found = {}
    for name, W in latents.items():
        if W.ndim == 2:
            dead = [i for i, s in enumerate(ternarize(name, W)[1]) if s == 0]
            if dead:
                found[name] = np.array(dead)
    return found
""",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_another_way_to_write_it_passes(name):
    verdict = grade(name, STEPS[name].header + ANSWERS[name])
    assert verdict.passed, verdict.lines()


def test_an_answer_may_bring_helpers_and_print_a_little():
    text = "def times(a, b):\n    print('here')\n    return a @ b.T\n"
    verdict = grade("linear", text + "def linear(x, W):\n    return times(x, W)\n")
    assert verdict.passed
    assert not verdict.notes


def test_an_answer_that_breaks_as_another_does_is_not_told_the_others_mistake():
    text = STEPS["fit_layer"].reference.replace("latents - lr * dW", "latents - 3 * lr * dW")
    verdict = grade("fit_layer", text)
    assert verdict.status in ("failed", "error")
    assert not verdict.mistake


def test_a_wrong_number_of_arguments_is_told_with_their_names():
    text = "def codes_and_scales(groups):\n    return groups, groups\n"
    told = "codes_and_scales takes 1 argument, is called with 2 (groups, counts)."
    assert grade("codes_and_scales", text).message == told


def test_a_mistake_that_nobody_foresaw_is_told_without_a_name():
    verdict = grade("linear", "def linear(x, W):\n    return x @ W.T + 1e-3\n")
    assert verdict.status == "failed"
    assert "expected" in verdict.message
    assert not verdict.mistake
