"""The reader's own program is the book's mathematics in one file, and agrees with the package."""

import ast
import builtins
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import ternary_train as program
from book_rules import Page

from ternary import (
    AdamW,
    GroupAbsMean,
    Parameters,
    TernaryTransformer,
    Text,
    Trainer,
    TrainingConfig,
    TransformerConfig,
    clip_gradients,
    evaluate,
)
from ternary import learning_rate as package_learning_rate
from ternary import project as package_project
from ternary.export import TernaryWeights, export_gguf, inspect_model, read_gguf_header, read_tensor

PATH = Path(program.__file__)
FILES = (PATH, PATH.with_name("ternary_parts.py"))
PARTS = re.compile(r"^# --- Chapter (\d+): (.+)$", re.M)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def both():
    """A model of the package with the program's first latents in it, and these."""
    latents = program.first_latents(program.SHAPES, np.random.default_rng(0))
    model = TernaryTransformer(TransformerConfig())
    for name, w in latents.items():
        model.parameters.view(model.parameters.values, name)[...] = w
    model.project()
    return latents, model


def test_it_is_one_file_of_at_most_300_lines_that_needs_numpy_alone():
    source = PATH.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= 300
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported - set(sys.stdlib_module_names) == {"numpy"}


def test_every_chapter_gives_a_part_in_order():
    """Chapters 10 to 12 write a second file, of what the run can do without."""
    program, parts = (
        [int(n) for n, _ in PARTS.findall(path.read_text(encoding="utf-8"))] for path in FILES
    )
    assert program == [*range(1, 10), 13, 14, 15]
    assert parts == [10, 11, 12]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_part_uses_nothing_that_comes_later(path):
    """Whoever stops after any chapter has a file whose every name is known."""
    pieces = PARTS.split(path.read_text(encoding="utf-8"))
    known = {*dir(builtins), "__name__"}
    assert "import" not in pieces[0], "the first part imports what the others use"
    for number, code in zip(pieces[1::3], pieces[3::3], strict=True):
        tree = ast.parse(code)
        bound = {
            node.name if isinstance(node, ast.FunctionDef) else node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef)
            or (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store))
        }
        bound |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                bound |= {alias.asname or alias.name for alias in node.names}
        known |= bound
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert used <= known, f"chapter {number} uses {used - known}"


@pytest.mark.parametrize("shape", [(3, 128), (5, 130), (2, 7)])
def test_the_projection_is_the_package_s(rng, shape):
    W = rng.standard_normal(shape).astype(np.float32)
    W[0] *= 1e-9  # a scale that float16 rounds to zero
    codes, scales, weights = program.ternarize("W", W)
    ours = package_project(W, GroupAbsMean())
    np.testing.assert_array_equal(codes.reshape(len(W), -1)[:, : W.shape[1]], ours.codes)
    np.testing.assert_array_equal(scales, ours.scales.ravel())
    np.testing.assert_array_equal(weights, ours.weights)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e7])
def test_a_latent_without_a_ternary_value_is_named(bad):
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match=r"head: a scale is .*smaller rate"),
    ):
        program.ternarize("head", np.full((1, 4), bad, np.float32))


def test_the_gradient_check_tells_a_right_gradient_from_a_wrong_one(rng):
    x, W, dy = (rng.standard_normal(shape) for shape in ((6, 4), (3, 4), (6, 3)))
    _, dW = program.linear_backward(x, W, dy)

    def loss(W):
        return float((program.linear(x, W) * dy).sum())

    assert program.slope_error(loss, W, dW, rng) < 1e-6
    assert program.slope_error(loss, W, 1.1 * dW, rng) > 0.01


def test_logits_loss_and_every_gradient_are_the_package_s(both, rng):
    latents, model = both
    tokens, targets = rng.integers(0, 256, (2, 4, 24))
    weights = program.project(latents)
    logits, memory = program.forward(weights, tokens)
    np.testing.assert_allclose(logits, model.forward(tokens).reshape(logits.shape), atol=2e-5)
    loss, dlogits = program.cross_entropy(logits, targets.reshape(-1))
    assert loss == pytest.approx(model.loss(tokens, targets), rel=1e-6)
    gradients = program.backward(weights, memory, dlogits)
    model.backward()
    parameters = model.parameters
    assert gradients.keys() == latents.keys()
    for name, g in gradients.items():
        expected = parameters.view(parameters.gradients, name)
        assert abs(g - expected).max() < 1e-4 * abs(expected).max(), name


@pytest.mark.parametrize("below", [90, 104, 200, 1e5])  # exp(-104) is 0 in float32
def test_the_loss_of_an_unlikely_target_is_how_far_its_logit_lies_below(below):
    loss, dlogits = program.cross_entropy(np.array([[0, -below]], np.float32), np.array([1]))
    assert loss == pytest.approx(below)
    np.testing.assert_array_equal(dlogits, np.float32([[1, -1]]))


def test_its_gradient_passes_its_own_check_in_double_precision(rng):
    small = program.first_latents(program.SHAPES, rng)
    weights = {name: w.astype(np.float64) for name, w in program.project(small).items()}
    tokens, targets = rng.integers(0, 256, (2, 2, 8))

    def loss_of(name, W):
        logits = program.forward(weights | {name: W}, tokens)[0]
        return program.cross_entropy(logits, targets.reshape(-1))[0]

    logits, memory = program.forward(weights, tokens)
    dlogits = program.cross_entropy(logits, targets.reshape(-1))[1]
    for name, dW in program.backward(weights, memory, dlogits).items():
        error = program.slope_error(lambda W, n=name: loss_of(n, W), weights[name], dW, rng, 1e-6)
        assert error < 1e-4, name


def test_a_step_of_adamw_is_the_package_s(rng):
    parameters = Parameters({"W": (3, 128)})
    W = parameters.view(parameters.values, "W")
    W[:] = rng.standard_normal(W.shape)
    w, m, v = W.copy(), np.zeros_like(W), np.zeros_like(W)
    optimizer = AdamW(parameters)
    for t in range(1, 4):
        g = rng.standard_normal(W.shape).astype(np.float32)
        parameters.view(parameters.gradients, "W")[:] = g
        optimizer.step(lr=0.01, weight_decay=0.1)
        program.adamw(w, g, m, v, t, 0.01, 0.1)
    np.testing.assert_allclose(w, W, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("n", [1, 10, 25, 500])
def test_the_schedule_is_the_package_s(n):
    """Also of so few steps that none is left for a warm-up."""
    ours = [package_learning_rate(step, n, 3e-3, n // 25) for step in range(n)]
    assert [program.learning_rate(step, n, 3e-3) for step in range(n)] == pytest.approx(ours)


def test_its_first_steps_are_those_of_the_package(capsys, monkeypatch):
    """Later ones part, as any two runs do that round differently."""
    trainer = Trainer(TrainingConfig(threads=1))
    first, rng = (np.random.default_rng(s) for s in np.random.SeedSequence(0).spawn(2))
    latents = program.first_latents(program.SHAPES, first)
    for name, w in latents.items():
        trainer.model.parameters.view(trainer.model.parameters.values, name)[...] = w
    trainer.model.project()
    rates = program.learning_rate  # of 500 steps, of which we take three
    monkeypatch.setattr(program, "learning_rate", lambda step, _, peak: rates(step, 500, peak))
    losses, _ = program.train(latents, lambda: (rng.integers(0, 256, (32, 16)),) * 2, 3)
    assert losses == pytest.approx([trainer.take_step() for _ in range(3)], abs=1e-4)
    assert capsys.readouterr().out == f"Step 0: loss={losses[0]:.3f}\n"


def test_clipping_is_the_package_s(rng):
    g = rng.standard_normal(1000).astype(np.float32)
    size = np.sqrt(float((g * g).sum()))
    expected = g * min(1.0, 1.0 / size)
    clip_gradients(g, 1.0)
    np.testing.assert_allclose(g, expected, rtol=1e-5)


def test_its_text_and_its_bits_per_byte_are_the_package_s(both):
    latents, model = both
    data, rest = program.text()
    task = Text()
    np.testing.assert_array_equal(data, task.training)
    np.testing.assert_array_equal(rest, task.validation)
    bits = program.bits_per_byte(program.project(latents), rest)
    assert bits == pytest.approx(evaluate(model, task, 16).bits, abs=1e-4)


def test_its_gguf_file_holds_the_same_weights_for_the_same_runtimes(both, tmp_path):
    latents, model = both
    theirs, ours = tmp_path / "theirs.gguf", tmp_path / "ours.gguf"
    program.write_gguf(theirs, latents)
    export_gguf(TernaryWeights.of(model), ours)
    headers = read_gguf_header(theirs), read_gguf_header(ours)
    names = [{tensor.name for tensor in header.tensors} for header in headers]
    assert names[0] == names[1]
    for name in names[0]:
        a, b = (read_tensor(*x, name) for x in zip((theirs, ours), headers, strict=True))
        np.testing.assert_array_equal(a, b)
    for key in headers[0].metadata:
        assert headers[0].metadata[key] == headers[1].metadata[key], key
    assert inspect_model(theirs).verdicts[0].loads is True


def test_as_a_program_it_prints_losses_and_passes_the_four_checks(tmp_path):
    done = subprocess.run(
        [sys.executable, PATH], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"Step 0: loss=5\.\d{3}", lines[0])
    assert [line[:6] for line in lines[-4:]] == ["PASS  "] * 4
    assert done.stderr == ""


@pytest.mark.parametrize("words", [["Text"], ["--help"], ["text", "100"]])
def test_what_is_no_task_is_answered_with_the_tasks(tmp_path, words):
    done = subprocess.run(
        [sys.executable, PATH, *words], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip() == program.__doc__
    assert "`copy`" in done.stderr
    assert "`text`" in done.stderr


# --- On the pages ----------------------------------------------------------------------------


def listing(lines, start, end):
    """What Sphinx shows of a file: from the line with `start` to the one before that with `end`."""
    first = next((n for n, line in enumerate(lines) if start in line), 0) if start else 0
    last = next(n for n, line in enumerate(lines) if end in line) if end else len(lines)
    return "".join(lines[first:last])


def test_the_chapters_print_both_files_whole_in_order_and_nothing_else():
    """Who types what is printed, in the order of the chapters, has the files that are tested."""
    sources = {f"program/{path.name}": path.read_text(encoding="utf-8") for path in FILES}
    typed = dict.fromkeys(sources, "")
    for path in sorted(PATH.parents[1].glob("[0-9][0-9]-*.md")):
        page = Page(path.read_text(encoding="utf-8"))
        (block,) = (b for b in page.blocks if b.argument in sources)
        assert block.directive == "literalinclude"
        assert block.options.keys() <= {"language", "start-at", "end-before"}
        marks = (block.options.get(name, "").strip('"') for name in ("start-at", "end-before"))
        source = sources[block.argument].splitlines(keepends=True)
        typed[block.argument] += listing(source, *marks)
    assert typed == sources
