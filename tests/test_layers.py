"""The laws of the layers: every backward pass against finite differences, and what else must hold.

Gradients are compared in float64 along random directions. A loss here is ``sum(y * dy)`` for a
fixed random ``dy``, whose gradient with respect to ``y`` is ``dy`` itself.
"""

import itertools

import numpy as np
import pytest

from ternary import (
    IGNORE,
    CausalAttention,
    CrossEntropy,
    FullPrecision,
    GroupAbsMean,
    Parameters,
    RMSNorm,
    ShapeError,
    SquaredReLU,
    TernaryEmbedding,
    TernaryError,
    TernaryLinear,
    Workspace,
    directional_error,
)
from ternary.attention import KeyValueCache, rotary_phases

TOLERANCE = 1e-6


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# --- The tool itself --------------------------------------------------------------------------


def test_directional_error_sees_one_wrong_entry_in_a_thousand(rng):
    x = rng.standard_normal(1000)
    gradient = np.cos(x)
    assert directional_error(lambda: float(np.sin(x).sum()), x, gradient) < TOLERANCE
    gradient[500] += 0.1
    assert directional_error(lambda: float(np.sin(x).sum()), x, gradient) > 1000 * TOLERANCE


def test_directional_error_leaves_the_array_as_it_was(rng):
    x = rng.standard_normal(10)
    before = x.copy()
    directional_error(lambda: float((x**2).sum()), x, 2 * x)
    np.testing.assert_array_equal(x, before)


# --- Ternary linear ---------------------------------------------------------------------------


@pytest.mark.parametrize("in_dim", [7, 128, 130])
@pytest.mark.parametrize("projection", [GroupAbsMean(), GroupAbsMean(32), FullPrecision()])
def test_linear_is_the_product_with_its_ternary_weight(rng, in_dim, projection):
    layer = TernaryLinear.from_latent(rng.standard_normal((5, in_dim)), projection)
    x = rng.standard_normal((2, 3, in_dim))
    np.testing.assert_allclose(layer.forward(x), x @ layer.W_ternary.T, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("in_dim", [7, 128, 130])
@pytest.mark.parametrize("projection", [GroupAbsMean(), FullPrecision()])
def test_linear_gradient_of_x(rng, in_dim, projection):
    layer = TernaryLinear.from_latent(rng.standard_normal((5, in_dim)), projection)
    x, dy = rng.standard_normal((2, 3, in_dim)), rng.standard_normal((2, 3, 5))
    layer.forward(x)
    dx = layer.backward(dy)
    assert directional_error(lambda: float((layer.forward(x) * dy).sum()), x, dx) < TOLERANCE


@pytest.mark.parametrize("in_dim", [7, 128, 130])
def test_full_precision_gradient_of_the_latents_is_their_own(rng, in_dim):
    layer = TernaryLinear.from_latent(rng.standard_normal((5, in_dim)), FullPrecision())
    x, dy = rng.standard_normal((2, 3, in_dim)), rng.standard_normal((2, 3, 5))

    def loss():
        layer.project()
        return float((layer.forward(x) * dy).sum())

    loss()
    layer.backward(dy)
    assert directional_error(loss, layer.W_latent, layer.dW_latent) < TOLERANCE


@pytest.mark.parametrize("in_dim", [7, 128, 130])
def test_straight_through_gradient_is_that_of_the_ternary_weight(rng, in_dim):
    layer = TernaryLinear.from_latent(rng.standard_normal((5, in_dim)))
    x, dy = rng.standard_normal((2, 3, in_dim)), rng.standard_normal((2, 3, 5))
    layer.forward(x)
    layer.backward(dy)
    loss = lambda: float((layer.forward(x) * dy).sum())  # noqa: E731
    assert directional_error(loss, layer.W_ternary, layer.dW_latent) < TOLERANCE


def test_finite_differences_through_the_rounding_say_zero_where_the_estimator_does_not(rng):
    layer = TernaryLinear.from_latent(rng.standard_normal((5, 128)))
    x, dy = rng.standard_normal((3, 128)), rng.standard_normal((3, 5))

    def loss():
        layer.project()
        return float((layer.forward(x) * dy).sum())

    start = loss()
    layer.backward(dy)
    for _ in range(10):
        direction = rng.standard_normal(layer.W_latent.shape)
        layer.W_latent += 1e-7 * direction
        assert loss() == start
        layer.W_latent -= 1e-7 * direction
        assert abs((layer.dW_latent * direction).sum()) > 1


def test_padding_receives_no_gradient(rng):
    layer = TernaryLinear.from_latent(rng.standard_normal((5, 130)))
    layer.forward(rng.standard_normal((3, 130)))
    layer.backward(rng.standard_normal((3, 5)))
    padded = layer.parameters.gradients.reshape(5, 256)
    assert padded[:, :130].all()
    assert not padded[:, 130:].any()


def test_adjacent_matrices_in_one_layer_equal_separate_layers(rng):
    """As q, k and v are: one product forward, one gradient each."""
    together = Parameters({"q": (4, 6), "k": (2, 6), "v": (3, 6)}, dtype=np.float64)
    for name in "qkv":
        W_latent = together.view(together.values, name)
        W_latent[:] = rng.standard_normal(W_latent.shape)
    fused = TernaryLinear(together, "q", "v")
    together.project()
    x, dy = rng.standard_normal((5, 6)), rng.standard_normal((5, 9))
    y = fused.forward(x).copy()
    fused.backward(dy)
    gradients = fused.dW_latent.copy()
    first = 0
    for name, out_dim in {"q": 4, "k": 2, "v": 3}.items():
        rows = slice(first, first + out_dim)
        layer = TernaryLinear(together, name)
        np.testing.assert_allclose(layer.forward(x), y[:, rows], rtol=1e-12)
        layer.backward(dy[:, rows])
        np.testing.assert_allclose(layer.dW_latent, gradients[rows], rtol=1e-12)
        first += out_dim


# --- Ternary embedding ------------------------------------------------------------------------


def one_hot_of(tokens, vocab_size):
    return np.eye(vocab_size)[tokens.reshape(-1)]


def test_embedding_is_a_linear_layer_of_one_hot_inputs_read_backwards(rng):
    W_latent = rng.standard_normal((11, 130))
    table, linear = TernaryEmbedding.from_latent(W_latent), TernaryLinear.from_latent(W_latent)
    tokens, dy = rng.integers(0, 11, (2, 7)), rng.standard_normal((2, 7, 130))
    one_hot = one_hot_of(tokens, 11)

    vectors = table.forward(tokens).reshape(14, 130)
    np.testing.assert_array_equal(vectors, one_hot @ table.W_ternary)

    linear.forward(dy.reshape(14, 130))
    np.testing.assert_array_equal(vectors, linear.backward(one_hot))
    table.backward(dy)
    np.testing.assert_allclose(table.dW_latent, linear.dW_latent, rtol=1e-12)


@pytest.mark.parametrize("d_model", [6, 130])
def test_embedding_gradient_of_the_table(rng, d_model):
    """Some tokens occur twice, and some do not occur."""
    table = TernaryEmbedding.from_latent(rng.standard_normal((5, d_model)))
    tokens, dy = np.array([[0, 3, 3], [1, 0, 3]]), rng.standard_normal((2, 3, d_model))
    table.forward(tokens)
    table.backward(dy)
    assert not table.dW_latent[[2, 4]].any()
    loss = lambda: float((table.forward(tokens) * dy).sum())  # noqa: E731
    assert directional_error(loss, table.W_ternary, table.dW_latent) < TOLERANCE


@pytest.mark.parametrize("token", [-1, 5, 2**40])
def test_a_token_outside_the_vocabulary_is_refused(token):
    table = TernaryEmbedding.from_latent(np.ones((5, 3)))
    with pytest.raises(TernaryError, match="expected 0 to 4"):
        table.forward(np.array([[0, token]]))


# --- RMSNorm and squared ReLU -----------------------------------------------------------------


def make_norm(rng, d_model=6):
    return RMSNorm(rng.standard_normal(d_model), np.zeros(d_model))


def test_norm_gives_every_vector_the_root_mean_square_one(rng):
    norm = RMSNorm(np.ones(64), np.zeros(64), eps=0.0)
    y = norm.forward(rng.standard_normal((2, 3, 64)) * 100)
    np.testing.assert_allclose((y**2).mean(axis=-1), 1, rtol=1e-12)


def test_norm_of_zeros_is_zero(rng):
    assert not make_norm(rng).forward(np.zeros((2, 6))).any()


def test_norm_gradients_of_x_and_gain(rng):
    norm = make_norm(rng)
    x, dy = rng.standard_normal((2, 3, 6)), rng.standard_normal((2, 3, 6))
    norm.forward(x)
    dx = norm.backward(dy).copy()
    loss = lambda: float((norm.forward(x) * dy).sum())  # noqa: E731
    assert directional_error(loss, norm.gain, norm.dgain) < TOLERANCE
    assert directional_error(loss, x, dx) < TOLERANCE


def test_squared_relu_is_zero_below_zero_and_the_square_above():
    h = np.array([-3.0, -0.0, 0.0, 0.5, 3.0])
    assert SquaredReLU(np.float64).forward(h).tolist() == [0, 0, 0, 0.25, 9]


def test_squared_relu_gradient(rng):
    activation = SquaredReLU(np.float64)
    h, da = rng.standard_normal((2, 3, 8)), rng.standard_normal((2, 3, 8))
    activation.forward(h.copy())  # the copy, because forward overwrites its input
    dh = activation.backward(da)
    loss = lambda: float((activation.forward(h.copy()) * da).sum())  # noqa: E731
    assert directional_error(loss, h, dh) < TOLERANCE


# --- Attention --------------------------------------------------------------------------------

N_HEADS, D_MODEL, LENGTH = 2, 12, 7


@pytest.fixture
def attention():
    return CausalAttention(N_HEADS, D_MODEL, dtype=np.float64)


def test_attention_gradient_of_queries_keys_and_values(rng, attention):
    qkv = rng.standard_normal((2, LENGTH, 3 * D_MODEL))
    dy = rng.standard_normal((2, LENGTH, D_MODEL))
    attention.forward(qkv.copy())  # the copy, because forward turns its input in place
    dqkv = attention.backward(dy)
    loss = lambda: float((attention.forward(qkv.copy()) * dy).sum())  # noqa: E731
    assert directional_error(loss, qkv, dqkv) < TOLERANCE


@pytest.mark.parametrize("changed", range(LENGTH))
def test_a_position_changes_no_earlier_output(rng, attention, changed):
    qkv = rng.standard_normal((1, LENGTH, 3 * D_MODEL))
    before = attention.forward(qkv.copy()).copy()
    qkv[:, changed] = rng.standard_normal(3 * D_MODEL)
    after = attention.forward(qkv)
    np.testing.assert_array_equal(after[:, :changed], before[:, :changed])
    assert (after[:, changed:] != before[:, changed:]).all()


def test_attention_of_equal_keys_is_the_mean_of_the_values_so_far(rng, attention):
    qkv = rng.standard_normal((1, LENGTH, 3 * D_MODEL))
    qkv[..., D_MODEL : 2 * D_MODEL] = 0  # all scores are 0
    values = qkv[0, :, 2 * D_MODEL :].copy()
    means = values.cumsum(axis=0) / np.arange(1, LENGTH + 1)[:, None]
    np.testing.assert_allclose(attention.forward(qkv)[0], means, rtol=1e-12)


def test_scores_of_ten_thousand_do_not_overflow(rng, attention):
    qkv = rng.standard_normal((1, LENGTH, 3 * D_MODEL))
    qkv[..., : 2 * D_MODEL] *= 100
    assert np.isfinite(attention.forward(qkv)).all()


def test_rotary_scores_depend_on_the_distance_alone(rng):
    phases = rotary_phases(0, 50, 8, dtype=np.float64)
    q, k = rng.standard_normal((2, 8)).view(np.complex128)

    def score(i, j):
        return float(((q * phases[i]) * (k * phases[j]).conj()).real.sum())

    for distance in range(10):
        scores = [score(i, i - distance) for i in range(distance, 50)]
        np.testing.assert_allclose(scores, scores[0], rtol=1e-10)
    assert score(5, 5) != pytest.approx(score(5, 4))


def test_rotary_turns_the_first_pair_one_radian_a_position_and_the_others_slower():
    phases = rotary_phases(0, 3, 4, base=100.0, dtype=np.float64)
    expected = [[0, 0], [1, 0.1], [2, 0.2]]
    np.testing.assert_allclose(np.angle(phases), expected, rtol=1e-12)
    np.testing.assert_allclose(np.abs(phases), 1, rtol=1e-12)


def test_rotary_frequencies_fall_to_the_base_of_the_original_paper(rng):
    """10000, where nobody says otherwise: what other runtimes assume, too."""
    phases = rotary_phases(0, 2, 4, dtype=np.float64)
    np.testing.assert_allclose(np.angle(phases[1]), [1, 10000**-0.5], rtol=1e-12)
    qkv = rng.standard_normal((1, LENGTH, 3 * D_MODEL))
    one, other = CausalAttention(1, D_MODEL), CausalAttention(1, D_MODEL, 10000.0)
    np.testing.assert_array_equal(*(a.forward(qkv.astype(np.float32)) for a in (one, other)))


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize("pieces", [[7], [1, 1, 1, 1, 1, 1, 1], [3, 1, 2, 1], [1, 6]])
def test_attention_with_a_cache_equals_attention_at_once(rng, attention, pieces, size):
    """Also where scores are tens of thousands, and far apart from position to position."""
    qkv = rng.standard_normal((LENGTH, 3 * D_MODEL))
    qkv[:, : 2 * D_MODEL] *= size
    at_once = attention.forward(qkv[None].copy())[0]
    cache = KeyValueCache(N_HEADS, LENGTH, D_MODEL // N_HEADS, np.float64)
    bounds = np.cumsum([0, *pieces])
    parts = [
        attention.extend(qkv[first:last].copy(), cache)
        for first, last in itertools.pairwise(bounds)
    ]
    np.testing.assert_allclose(np.concatenate(parts), at_once, rtol=1e-10, atol=1e-12)


def test_lengths_may_alternate(rng, attention):
    """The tables of one length must not linger when the next sequence is longer or shorter."""
    long = rng.standard_normal((1, LENGTH, 3 * D_MODEL))
    first = attention.forward(long.copy()).copy()
    short = attention.forward(long[:, :3].copy())
    np.testing.assert_allclose(short, first[:, :3], rtol=1e-12)
    np.testing.assert_array_equal(attention.forward(long.copy()), first)


@pytest.mark.parametrize(("n_heads", "d_model"), [(3, 8), (4, 12), (8, 8)])
def test_heads_must_divide_d_model_into_even_sizes(n_heads, d_model):
    with pytest.raises(ShapeError):
        CausalAttention(n_heads, d_model)


# --- Cross-entropy ----------------------------------------------------------------------------


def test_cross_entropy_gradient_of_the_logits(rng):
    cross_entropy = CrossEntropy(np.float64)
    logits, targets = rng.standard_normal((6, 5)), np.array([0, IGNORE, 4, 4, IGNORE, 2])
    cross_entropy.forward(logits, targets)
    dlogits = cross_entropy.backward()
    assert not dlogits[targets == IGNORE].any()
    loss = lambda: cross_entropy.forward(logits, targets)  # noqa: E731
    assert directional_error(loss, logits, dlogits) < TOLERANCE


def test_cross_entropy_is_the_mean_of_minus_log_softmax_over_the_targets_that_count(rng):
    logits = rng.standard_normal((4, 5))
    log_p = np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))
    expected = -(log_p[0, 3] + log_p[2, 1]) / 2
    found = CrossEntropy(np.float64).forward(logits, np.array([3, IGNORE, 1, IGNORE]))
    assert found == pytest.approx(expected, rel=1e-12)


def test_cross_entropy_of_a_uniform_guess_is_the_log_of_the_vocabulary():
    loss = CrossEntropy(np.float64).forward(np.full((3, 256), 7.0), np.array([0, 100, 255]))
    assert loss == pytest.approx(np.log(256), rel=1e-12)


def test_cross_entropy_of_huge_logits_is_finite():
    loss = CrossEntropy(np.float64).forward(np.array([[1e4, 0.0]]), np.array([1]))
    assert loss == pytest.approx(1e4, rel=1e-12)


@pytest.mark.parametrize("target", [-2, 5])
def test_a_target_outside_the_vocabulary_is_refused(target):
    with pytest.raises(TernaryError, match="expected 0 to 4"):
        CrossEntropy().forward(np.zeros((2, 5), np.float32), np.array([0, target]))


def test_a_loss_over_no_targets_is_refused():
    with pytest.raises(TernaryError, match="every target is ignored"):
        CrossEntropy().forward(np.zeros((2, 5), np.float32), np.array([IGNORE, IGNORE]))


# --- Wrong use --------------------------------------------------------------------------------


def test_wrong_shapes_are_refused():
    with pytest.raises(ShapeError, match=r"expected \(\.\.\., 4\)"):
        TernaryLinear.from_latent(np.ones((3, 4))).forward(np.ones((2, 3)))
    with pytest.raises(ShapeError, match="out_dim, in_dim"):
        TernaryLinear.from_latent(np.ones(4))
    with pytest.raises(ShapeError, match="W has shape"):
        TernaryLinear.from_latent(np.ones((0, 4)))
    with pytest.raises(ShapeError, match="expected"):
        CrossEntropy(np.float64).forward(np.zeros((2, 5)), np.array([1, 2, 3]))
    with pytest.raises(ShapeError, match=r"expected \(B, T, 24\)"):
        CausalAttention(2, 8, dtype=np.float64).forward(np.ones((1, 3, 8)))
    linear = TernaryLinear.from_latent(np.ones((3, 4)))
    linear.forward(np.ones((2, 4)))
    with pytest.raises(ShapeError, match=r"expected \(2, 3\)"):
        linear.backward(np.ones((3, 3)))


@pytest.mark.parametrize(
    ("layer", "arguments"),
    [
        (TernaryLinear.from_latent(np.ones((3, 4))), [np.ones((2, 3))]),
        (TernaryEmbedding.from_latent(np.ones((3, 4))), [np.ones((2, 4))]),
        (RMSNorm(np.ones(4), np.ones(4)), [np.ones((2, 4))]),
        (SquaredReLU(), [np.ones((2, 4))]),
        (CausalAttention(2, 8), [np.ones((1, 2, 8))]),
        (CrossEntropy(), []),
    ],
    ids=lambda value: type(value).__name__,
)
def test_backward_before_forward_is_refused_by_name(layer, arguments):
    name = getattr(layer, "name", type(layer).__name__)
    with pytest.raises(TernaryError, match=f"^{name}: backward was called before forward"):
        layer.backward(*arguments)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layer_keeps_the_type_of_its_numbers(rng, dtype):
    """A model of float32 must not compute in float64 by accident, nor the other way round."""
    x, W_latent = (rng.standard_normal(shape).astype(dtype) for shape in ((1, 3, 8), (8, 8)))
    qkv = rng.standard_normal((1, 3, 24)).astype(dtype)
    gain = np.ones(8, dtype)
    for layer, argument in (
        (TernaryLinear.from_latent(W_latent), x),
        (RMSNorm(gain, gain.copy()), x),
        (SquaredReLU(dtype), x.copy()),
        (CausalAttention(2, 8, dtype=dtype), qkv),
    ):
        assert layer.forward(argument).dtype == dtype
        assert layer.backward(x).dtype == dtype
    assert TernaryEmbedding.from_latent(W_latent).forward(np.array([1, 2])).dtype == dtype
    attention, cache = CausalAttention(2, 8, dtype=dtype), KeyValueCache(2, 3, 4, dtype)
    assert attention.extend(qkv[0].copy(), cache).dtype == cache.keys.dtype == dtype
    cross_entropy = CrossEntropy(dtype)
    cross_entropy.forward(x[0], np.array([0, 1, 2]))
    assert cross_entropy.backward().dtype == dtype


def test_a_workspace_gives_the_same_memory_for_a_name_and_shape_only():
    work = Workspace(np.float64)
    x = work("x", (2, 3))
    assert work("x", (2, 3)) is x
    assert not np.shares_memory(work("x", (3, 2)), x)
    assert not np.shares_memory(work("y", (2, 3)), x)
    assert work("mask", (2, 3), np.bool_).dtype == np.bool_
