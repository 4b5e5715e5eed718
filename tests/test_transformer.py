"""The whole model: against a slow reference, against finite differences, and in generation."""

import itertools

import numpy as np
import pytest
import reference

from ternary import (
    IGNORE,
    CausalAttention,
    FullPrecision,
    GroupAbsMean,
    ShapeError,
    TernaryError,
    TernaryLinear,
    TernaryTransformer,
    TransformerConfig,
    directional_error,
)
from ternary.experiments.backward_bugs import no_row_sum
from ternary.generation import Decoder, sample

# Groups of three, so that every row of eight has whole groups and a padded one.
SIZES = {"vocab_size": 5, "d_model": 8, "n_layers": 2, "n_heads": 2, "d_ff": 4, "context": 8}
TINY = TransformerConfig(**SIZES)
TOKENS = np.array([[1, 4, 0], [2, 2, 3]])
TARGETS = np.array([[4, 0, 1], [2, IGNORE, 3]])


def tiny_model(projection=None):
    """A float64 model whose gains, too, are not all the same."""
    model = TernaryTransformer(TINY, projection or GroupAbsMean(3), seed=1, dtype=np.float64)
    gains = model.parameters.values[model.parameters.n_latents :]
    gains[:] = np.random.default_rng(2).uniform(0.5, 1.5, gains.shape)
    return model


def weights_of(model):
    """What the model multiplies with: its ternary matrices, and its gains."""
    parameters = model.parameters
    matrices = {n: parameters.view(parameters.weights, n) for n in parameters.matrix_shapes}
    gains = {n: parameters.view(parameters.values, n) for n in parameters.gain_sizes}
    return matrices | gains


# --- Loss and gradients -----------------------------------------------------------------------


@pytest.mark.parametrize("projection", [GroupAbsMean(3), GroupAbsMean(), FullPrecision()])
def test_logits_and_loss_are_those_of_the_slow_reference(projection):
    model = tiny_model(projection)
    weights = weights_of(model)
    for tokens, logits in zip(TOKENS, model.forward(TOKENS), strict=True):
        expected = reference.sequence_logits(weights, TINY, tokens)
        np.testing.assert_allclose(logits, expected, rtol=1e-12, atol=1e-12)
    expected = reference.loss(weights, TINY, TOKENS, TARGETS)
    assert model.loss(TOKENS, TARGETS) == pytest.approx(expected, rel=1e-12)


def test_every_norm_and_every_attention_has_the_settings_of_the_model():
    settings = TransformerConfig(**SIZES, rope_base=3.0, norm_eps=0.5)
    model = TernaryTransformer(settings, GroupAbsMean(3), dtype=np.float64)
    expected = [reference.sequence_logits(weights_of(model), settings, TOKENS[0])]
    np.testing.assert_allclose(model.forward(TOKENS[:1]), expected, rtol=1e-12, atol=1e-12)


def test_every_single_gradient_is_the_finite_difference_of_the_slow_reference():
    model = tiny_model()
    model.loss(TOKENS, TARGETS)
    model.backward()
    weights = {name: array.copy() for name, array in weights_of(model).items()}
    for name, array in weights.items():
        expected = reference.numeric_gradient(
            lambda: reference.loss(weights, TINY, TOKENS, TARGETS), array
        )
        found = model.parameters.view(model.parameters.gradients, name)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9, err_msg=name)


def test_gradient_of_all_weights_at_once():
    model = tiny_model()
    parameters = model.parameters
    model.loss(TOKENS, TARGETS)
    model.backward()
    loss = lambda: model.loss(TOKENS, TARGETS)  # noqa: E731
    weights, gains = slice(parameters.n_latents), slice(parameters.n_latents, None)
    moved = {"weights": parameters.weights, "gains": parameters.values[gains]}
    gradients = {"weights": parameters.gradients[weights], "gains": parameters.gradients[gains]}
    for kind, array in moved.items():
        # Seed 1 happens to draw no direction that is nearly orthogonal to a gradient, where the
        # slope is small and rounding is large in proportion.
        rng = np.random.default_rng(1)
        assert directional_error(loss, array, gradients[kind], rng) < 1e-6


def test_a_second_step_overwrites_the_gradients_of_the_first():
    """Nothing is added up over steps, and nothing is left over from other shapes."""
    model = tiny_model()
    model.loss(TOKENS, TARGETS)
    model.backward()
    first = model.parameters.gradients.copy()
    model.loss(TOKENS[:1, :2], TARGETS[:1, :2])
    model.backward()
    assert (model.parameters.gradients != first).any()
    model.loss(TOKENS, TARGETS)
    model.backward()
    np.testing.assert_array_equal(model.parameters.gradients, first)


def test_a_batch_of_sequences_equals_the_sequences_one_by_one():
    model = tiny_model()
    together = model.forward(TOKENS).copy()
    for tokens, logits in zip(TOKENS, together, strict=True):
        np.testing.assert_allclose(model.forward(tokens[None])[0], logits, rtol=1e-12, atol=1e-12)


def test_a_later_token_changes_no_earlier_logits():
    model = TernaryTransformer()
    tokens = np.random.default_rng(0).integers(0, 256, (2, 9))
    before = model.forward(tokens).copy()
    tokens[:, 5] = (tokens[:, 5] + 1) % 256
    after = model.forward(tokens)
    np.testing.assert_array_equal(after[:, :5], before[:, :5])
    assert (after[:, 5] != before[:, 5]).any()


# --- The model of the book --------------------------------------------------------------------


def test_the_book_s_model_has_459392_parameters():
    d_model, d_ff, vocab_size = 128, 512, 256
    block = 4 * d_model**2 + 2 * d_model * d_ff + 2 * d_model
    expected = 2 * vocab_size * d_model + 2 * block + d_model
    assert TernaryTransformer().parameters.count == expected == 459392


def test_every_matrix_is_ternary():
    model = TernaryTransformer()
    assert list(model.parameters.matrix_shapes) == [
        "embedding",
        *(f"layers.{i}.{name}" for i in (0, 1) for name in ("q", "k", "v", "o", "up", "down")),
        "head",
    ]
    for name in model.parameters.matrix_shapes:
        codes, scales = model.parameters.codes(name), model.parameters.scales(name)
        expected = np.repeat(scales.astype(np.float32), 128, axis=1) * codes
        np.testing.assert_array_equal(
            model.parameters.view(model.parameters.weights, name), expected
        )


def test_the_twin_has_the_same_latents():
    ternary, twin = TernaryTransformer(seed=5), TernaryTransformer(None, FullPrecision(), seed=5)
    np.testing.assert_array_equal(twin.parameters.values, ternary.parameters.values)
    np.testing.assert_array_equal(twin.parameters.weights, ternary.parameters.latents)
    other = TernaryTransformer(seed=6)
    assert (other.parameters.latents != ternary.parameters.latents).any()


@pytest.mark.parametrize("group_size", [24, 128])
def test_the_group_size_does_not_change_the_initial_latents(group_size):
    sizes = TransformerConfig(d_model=32, d_ff=64)
    one = TernaryTransformer(sizes, GroupAbsMean(group_size)).parameters
    other = TernaryTransformer(sizes, GroupAbsMean(32)).parameters
    for name in one.names:
        np.testing.assert_array_equal(one.view(one.values, name), other.view(other.values, name))


def test_initial_latents_are_one_stream_of_normal_numbers_from_seed_zero():
    """The numbers on the pages depend on it: float32 draws, a matrix after the other."""
    for dtype in (np.float32, np.float64):
        stream = np.random.default_rng(0)
        parameters = TernaryTransformer(TINY, dtype=dtype).parameters
        for name, shape in parameters.matrix_shapes.items():
            drawn = stream.standard_normal(shape, np.float32).astype(dtype)
            found = parameters.view(parameters.values, name)
            np.testing.assert_array_equal(found, drawn * dtype(shape[1] ** -0.5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_model_computes_in_the_type_of_its_parameters(dtype):
    model = TernaryTransformer(TINY, dtype=dtype)
    block = model.blocks[0]
    x = model.embedding.forward(TOKENS)
    assert x.dtype == model.norm.forward(x).dtype == dtype
    h = block.up.forward(block.norm2.forward(x))
    assert h.dtype == block.activation.forward(h).dtype == dtype
    model.loss(TOKENS, TARGETS)
    assert model.cross_entropy.backward().dtype == model.forward(TOKENS).dtype == dtype
    assert model.caches(3)[0].keys.dtype == dtype


def test_initial_latents_have_the_variance_that_keeps_the_size_of_a_vector():
    parameters = TernaryTransformer().parameters
    for name, (_, in_dim) in parameters.matrix_shapes.items():
        variance = parameters.view(parameters.values, name).var()
        assert variance * in_dim == pytest.approx(1, abs=0.05)


# --- Generation -------------------------------------------------------------------------------


@pytest.mark.parametrize("pieces", [[8], [1] * 8, [3, 1, 4], [1, 7]])
def test_logits_with_a_cache_are_those_without(pieces):
    model = tiny_model()
    tokens = np.array([1, 4, 0, 2, 2, 3, 0, 1])
    at_once = model.forward(tokens[None])[0].copy()
    caches, bounds = model.caches(len(tokens)), np.cumsum([0, *pieces])
    for first, last in itertools.pairwise(bounds):
        logits = model.extend(tokens[first:last], caches)
        np.testing.assert_allclose(logits, at_once[first:last], rtol=1e-10, atol=1e-12)


def test_a_model_reads_into_as_many_caches_as_it_has_blocks():
    model = tiny_model()
    with pytest.raises(ValueError, match="shorter"):
        model.extend(np.array([1]), model.caches(3)[:1])


def test_logits_with_a_cache_are_those_without_in_float32():
    model = TernaryTransformer()
    tokens = np.random.default_rng(0).integers(0, 256, 20)
    at_once = model.forward(tokens[None])[0].copy()
    caches = model.caches(20)
    for i in range(20):
        logits = model.extend(tokens[i : i + 1], caches)
        np.testing.assert_allclose(logits[0], at_once[i], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_read", [1, 3, 7])
def test_logits_of_single_tokens_are_those_of_the_sequence(n_read):
    model = tiny_model()
    tokens = np.array([1, 4, 0, 2, 2, 3, 0, 1])
    at_once = model.forward(tokens[None])[0].copy()
    decoder = Decoder(model, len(tokens))
    for _ in range(2):  # what was cached is forgotten
        logits = [decoder.read(tokens[:n_read]).copy()]
        logits += [decoder.extend(token).copy() for token in tokens[n_read:].tolist()]
        np.testing.assert_allclose(logits, at_once[n_read - 1 :], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("length", [1, 3, 7, 8, 9, 20])
def test_greedy_text_is_that_of_whole_windows_without_a_cache(length):
    """Beyond the context, too, where the window slides by half of itself."""
    model = tiny_model()
    prompt = np.random.default_rng(length).integers(0, 5, length)
    expected = reference.greedy_text(
        lambda window: model.forward(np.array([window]))[0], prompt, 25, TINY.context
    )
    assert list(model.generate(prompt, 25, temperature=0)) == expected


class Doubled:
    """A layer of another kind, which has a forward pass and nothing else."""

    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        return 2 * self.layer.forward(x)


class Shifted(TernaryLinear):
    def forward(self, x):
        return super().forward(x) + 1


class NoPositions(CausalAttention):
    def _turns(self, first, last):
        return np.ones_like(super()._turns(first, last))


def shift_up(model):
    model.blocks[0].up = Shifted(model.parameters, "layers.0.up")


def forget_positions(model):
    model.blocks[1].attention = NoPositions(TINY.n_heads, TINY.d_model, dtype=np.float64)


def take_relu(model):
    model.blocks[0].activation.forward = lambda h: np.maximum(h, 0)


REPLACEMENTS = {
    "a linear layer, by a subclass": shift_up,
    "attention, by a subclass": forget_positions,
    "the method of an activation": take_relu,
    "the head": lambda model: setattr(model, "head", Doubled(model.head)),
    "a norm": lambda model: setattr(model, "norm", Doubled(model.norm)),
    "the embedding": lambda model: setattr(model, "embedding", Doubled(model.embedding)),
}


@pytest.mark.parametrize("replace", REPLACEMENTS.values(), ids=REPLACEMENTS)
def test_a_part_that_was_replaced_computes_single_tokens_too(replace):
    model = tiny_model()
    tokens = np.array([1, 4, 0, 2, 2, 3, 0, 1])
    before = model.forward(tokens[None])[0].copy()
    replace(model)
    at_once = model.forward(tokens[None])[0].copy()
    assert not np.allclose(at_once, before)
    decoder = Decoder(model, len(tokens))
    logits = [decoder.read(tokens[:1]).copy()]
    logits += [decoder.extend(token).copy() for token in tokens[1:].tolist()]
    np.testing.assert_allclose(logits, at_once, rtol=1e-10, atol=1e-12)


def test_of_a_long_prompt_the_last_window_counts():
    model = tiny_model()
    prompt = np.random.default_rng(0).integers(0, 5, 30)
    long = list(model.generate(prompt, 10))
    assert long == list(model.generate(prompt[-TINY.context :], 10))


def test_the_same_seed_samples_the_same_text():
    model = tiny_model()

    def text(seed):
        return list(model.generate(np.array([1]), 40, rng=np.random.default_rng(seed)))

    assert text(3) == text(3)
    assert text(3) != text(4)
    as_it_comes = list(model.generate(np.array([1]), 40, 1.0, np.random.default_rng(0)))
    assert list(model.generate(np.array([1]), 40)) == as_it_comes  # temperature 1, seed 0


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_sampled_frequencies_are_the_softmax_at_the_temperature(temperature):
    logits, n, rng = np.array([0.0, 1.0, -1.0]), 4000, np.random.default_rng(0)
    counts = np.bincount([sample(logits, temperature, rng) for _ in range(n)], minlength=3)
    p = np.array(reference.softmax(logits / temperature))
    assert (np.abs(counts - n * p) < 4 * np.sqrt(n * p * (1 - p))).all()


@pytest.mark.parametrize("temperature", [0.1, 1.0, 3.0])
def test_sampling_is_a_choice_from_the_same_stream(temperature):
    ours, theirs = np.random.default_rng(0), np.random.default_rng(0)
    for logits in np.random.default_rng(1).standard_normal((500, 7)):
        p = reference.softmax(logits / temperature)
        assert sample(logits, temperature, ours) == theirs.choice(7, p=p)


@pytest.mark.parametrize("prompt", [[-1], [5], [0, -1, 0], [0, 5]])
def test_generation_refuses_a_token_that_is_not_in_the_vocabulary(prompt):
    with pytest.raises(TernaryError, match="for a vocabulary of 5"):
        next(tiny_model().generate(np.array(prompt), 3))


def test_generation_refuses_what_it_cannot_continue():
    model = tiny_model()
    for prompt in ([], [[1, 2]]):
        with pytest.raises(ShapeError, match="at least one token"):
            list(model.generate(np.array(prompt, int), 1))
    for temperature in (-1.0, float("nan")):
        with pytest.raises(TernaryError, match="temperature"):
            list(model.generate(np.array([1]), 1, temperature))


# --- Wrong sizes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes",
    [
        *({name: 0} for name in ("vocab_size", "d_model", "n_layers", "n_heads", "d_ff")),
        {"context": -1},
        {"rope_base": 0.0},
        {"norm_eps": float("nan")},
        {"d_model": 130},
        {"d_model": 12, "n_heads": 4},
    ],
    ids=str,
)
def test_sizes_that_make_no_model_are_refused(sizes):
    with pytest.raises(ShapeError, match=next(iter(sizes))):
        TransformerConfig(**sizes)


def test_tokens_and_targets_must_be_a_batch_of_the_same_shape():
    model = tiny_model()
    for tokens in (np.array([1, 2]), np.zeros((0, 3), int), np.zeros((1, 0), int)):
        with pytest.raises(ShapeError, match="batch, length"):
            model.forward(tokens)
    with pytest.raises(ShapeError, match="targets"):
        model.loss(TOKENS, TARGETS[:, :2])
    with pytest.raises(TernaryError, match="expected 0 to 4"):
        model.forward(np.array([[5]]))


def test_the_bug_of_the_softmax_leaves_out_the_whole_sum():
    """At a single position the right gradient of query and key is 0, and P dP is dy . v."""
    rng = np.random.default_rng(0)
    attention = CausalAttention(n_heads=2, d_model=32, dtype=np.float64)
    qkv, dy = rng.standard_normal((3, 1, 96)), rng.standard_normal((3, 1, 32))
    attention.forward(qkv.copy())
    wrong = no_row_sum(attention, attention.backward, dy.copy())
    q, k, v = (part.reshape(3, 2, 16) for part in np.split(qkv[:, 0], 3, axis=1))
    slope = (dy.reshape(3, 2, 16) * v).sum(axis=-1, keepdims=True) / np.sqrt(16)
    dq, dk, _ = (part.reshape(3, 2, 16) for part in np.split(wrong[:, 0], 3, axis=1))
    np.testing.assert_allclose(dq, slope * k, atol=1e-12)
    np.testing.assert_allclose(dk, slope * q, atol=1e-12)
