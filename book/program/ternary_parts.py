"""Parts that fit into `ternary_train.py` and that its run does not need; chapters 10 to 12."""

# --- Chapter 10: latents in a byte, or in two bits
import numpy as np
from ternary_train import cross_entropy


def keep_int8(w, rng):
    """Latents as int8 would keep them: multiples of a power of two, by chance."""
    spacing = 2.0 ** np.ceil(np.log2(np.abs(w).max(axis=-1, keepdims=True) / 127))
    return np.float32(np.floor(w / spacing + rng.random(w.shape)).clip(-127, 127) * spacing)


def keep_codes(w, s, rng):
    """Latents as codes would keep them: -s, 0 or s, by chance."""
    return np.float32(np.floor(w / s + rng.random(w.shape)).clip(-1, 1) * s)


# --- Chapter 11: whole numbers
def whole_numbers(x, bits=8):
    """Codes int8 of vectors `(n, d)` and one scale for each; a vector of zeros has scale 0."""
    s = np.abs(x).max(axis=1, keepdims=True) / np.float32(2 ** (bits - 1) - 1)
    return np.rint(x / np.where(s == 0, np.inf, s)).astype(np.int8), s


def integer_linear(x, codes, scales, group=128):
    """Outputs `(n, out_dim)`: exact sums of int8 times trit, then both scales, group by group."""
    t, s = whole_numbers(x)
    wide, trits = t.astype(np.int32), codes.T.astype(np.int32)
    sums = [wide[:, i : i + group] @ trits[i : i + group] for i in range(0, t.shape[1], group)]
    return sum(part * scales[:, g].astype(np.float32) * s for g, part in enumerate(sums))


# --- Chapter 12: a teacher
def softmax(z):
    p = np.exp(z - z.max(axis=1, keepdims=True))
    return p / p.sum(axis=1, keepdims=True)


def beside_teacher(logits, targets, teacher, alpha=0.5, tau=1.0):
    """Loss in nats and dL/dlogits: of the text, and in the share `alpha` of a teacher's answers."""
    loss, dlogits = cross_entropy(logits, targets)
    p, q = softmax(logits / tau), softmax(teacher / tau)
    soft = -float((q * np.log(p)).sum(axis=1).mean())
    dlogits = (1 - alpha) * dlogits + alpha * tau * (p - q) / len(targets)
    return (1 - alpha) * loss + alpha * tau**2 * soft, dlogits
