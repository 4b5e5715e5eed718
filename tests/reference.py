"""The transformer written out slowly: one sequence, one position, one head at a time, in float64.

It shares no code with ``ternary``, only the names of the matrices. A weight here is what the model
multiplies with, however it came about, so the gradient of this loss is the one that the
straight-through estimator promises.
"""

import math

import numpy as np


def sequence_logits(weights, sizes, tokens):
    """Logits `(T, vocab_size)` of one sequence of tokens."""
    stream = [weights["embedding"][token].copy() for token in tokens]
    for layer in range(sizes.n_layers):
        own = {
            name.removeprefix(f"layers.{layer}."): array
            for name, array in weights.items()
            if name.startswith(f"layers.{layer}.")
        }
        normed = [rms_norm(x, own["norm1"], sizes.norm_eps) for x in stream]
        attended = attention(
            [own["q"] @ x for x in normed],
            [own["k"] @ x for x in normed],
            [own["v"] @ x for x in normed],
            sizes,
        )
        stream = [x + own["o"] @ y for x, y in zip(stream, attended, strict=True)]
        normed = [rms_norm(x, own["norm2"], sizes.norm_eps) for x in stream]
        hidden = [np.maximum(own["up"] @ x, 0) ** 2 for x in normed]
        stream = [x + own["down"] @ h for x, h in zip(stream, hidden, strict=True)]
    normed = [rms_norm(x, weights["norm"], sizes.norm_eps) for x in stream]
    return np.array([weights["head"] @ x for x in normed])


def rms_norm(x, gain, eps):
    mean_square = sum(feature**2 for feature in x) / len(x)
    return x / math.sqrt(mean_square + eps) * gain


def attention(queries, keys, values, sizes):
    """For every position the heads' weighted means of the values so far, side by side."""
    head_dim = sizes.d_model // sizes.n_heads
    outputs = []
    for position in range(len(queries)):
        heads = []
        for head in range(sizes.n_heads):
            part = slice(head * head_dim, (head + 1) * head_dim)
            q = rotate(queries[position][part], position, sizes.rope_base)
            scores = [
                q @ rotate(keys[earlier][part], earlier, sizes.rope_base) / math.sqrt(head_dim)
                for earlier in range(position + 1)
            ]
            p = softmax(scores)
            heads.append(sum(p[t] * values[t][part] for t in range(position + 1)))
        outputs.append(np.concatenate(heads))
    return outputs


def rotate(vector, position, base):
    """Turn every pair of neighbouring features by an angle that grows with the position."""
    turned = []
    for first in range(0, len(vector), 2):
        angle = position * base ** (-first / len(vector))
        cos, sin = math.cos(angle), math.sin(angle)
        turned.extend(np.array([[cos, -sin], [sin, cos]]) @ vector[first : first + 2])
    return np.array(turned)


def softmax(scores):
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def loss(weights, sizes, tokens, targets, ignore=-1):
    """Mean of minus log softmax at the target, in nats, over the targets that count."""
    losses = []
    for sequence, wanted in zip(tokens, targets, strict=True):
        for scores, target in zip(sequence_logits(weights, sizes, sequence), wanted, strict=True):
            if target != ignore:
                losses.append(-math.log(softmax(scores)[target]))
    return sum(losses) / len(losses)


def numeric_gradient(compute, array, step=1e-5):
    """Central differences: move every number of an array by itself, forth and back."""
    gradient = np.empty_like(array)
    for where in np.ndindex(array.shape):
        start = array[where]
        array[where] = start + step
        ahead = compute()
        array[where] = start - step
        behind = compute()
        array[where] = start
        gradient[where] = (ahead - behind) / (2 * step)
    return gradient


def greedy_text(logits_of, prompt, n_tokens, context):
    """Generate without a cache: one pass over the whole window for every token.

    A full window loses its earlier half.
    """
    window, generated = list(prompt)[-context:], []
    for _ in range(n_tokens):
        if len(window) > context:
            window = window[-(context // 2) :]
        generated.append(int(np.argmax(logits_of(window)[-1])))
        window.append(generated[-1])
    return generated
