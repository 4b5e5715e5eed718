"""The interactive figures compute what `ternary` computes, and can be used by keyboard alone."""

import math

import numpy as np
import pytest

from ternary import TWN, AdamW, GroupAbsMean, TernaryLinear, make_projection, project
from ternary.activations import quantize
from ternary.codecs import pack_trits
from ternary.distill import SoftCrossEntropy
from ternary.experiments.epsilon import Added, Clamped
from ternary.experiments.scale_rules_sweep import RULES, GroupLeastSquares
from ternary.memory import round_grid
from ternary.projection import Groups, Projected
from ternary.rotation import hadamard

pytestmark = pytest.mark.site
FIGURES = {
    "projection": "book/01-three-values.html",
    "staircase": "book/02-straight-through.html",
    "decay": "book/05-weight-decay.html",
    "packing": "book/13-packing.html",
    "loudness": "book/03-group-scales.html",
    "ratio": "book/04-near-zero-scales.html",
    "teacher": "book/06-linear-layer.html",
    "bugs": "book/07-transformer.html",
    "runs": "book/08-training.html",
    "memory": "book/10-memory.html",
    "activations": "book/11-activations.html",
    "temperature": "book/12-from-trained.html",
}
KEYS = {  # what to press, and which key, where it is not the first slider and an arrow
    "loudness": (".cell[tabindex='0']", "Enter"),
    "teacher": ("input", "ArrowRight"),
    "bugs": (".cell[tabindex='0']", "Enter"),
    "runs": (".answers button", "Enter"),
    "temperature": ("input", "ArrowRight"),
}
MATHEMATICS = "import('/_static/figures/mathematics.js')"
OURS = {
    "absmean": GroupAbsMean,
    "twn": TWN,
    "least-squares": GroupLeastSquares,
    "absmax": RULES["absmax"],
}


def projected(rule, w):
    """Codes, scale and weights of one group, by the package."""
    w = np.asarray(w, np.float64)[None]
    out = Projected(np.zeros(w.shape, np.int8), np.zeros(1, np.float16), np.zeros_like(w))
    projection = OURS[rule](w.size)
    projection.project(w, Groups.of([w.shape], w.size), out)
    return out.codes[0].tolist(), float(out.scales[0]), out.weights[0].tolist()


@pytest.mark.parametrize("rule", OURS)
def test_projection_is_that_of_the_package(visit, rule):
    page = visit(FIGURES["projection"]).page
    rng = np.random.default_rng(1)
    for size in (1e-8, 1e-3, 1.0, 30.0):
        w = (size * rng.standard_normal(16)).tolist()
        theirs = page.evaluate(
            f"async ([w, rule]) => {{ const m = await {MATHEMATICS};"
            " const p = m.project(w, rule); return [p.codes, p.scale, p.weights]; }",
            [w, rule],
        )
        codes, scale, weights = projected(rule, w)
        assert theirs[0] == codes
        assert theirs[1] == scale
        assert theirs[2] == weights


def test_float16_is_that_of_numpy(visit):
    page = visit(FIGURES["projection"]).page
    values = np.abs(np.random.default_rng(2).standard_normal(500)) * np.logspace(-9, 5, 500)
    values = [*values.tolist(), 0.0, 2.0**-25, 3 * 2.0**-25, 65504.0, 65519.9, 65520.0]
    theirs = page.evaluate(
        f"async (values) => {{ const m = await {MATHEMATICS};"
        " return values.map((x) => { const y = m.roundToFloat16(x);"
        " return y === Infinity ? 'inf' : y; }); }",
        values,
    )
    with np.errstate(over="ignore"):
        ours = np.array(values).astype(np.float16).tolist()
    assert [float(x) for x in theirs] == ours


def test_staircase_is_the_layer_of_chapter_2(visit):
    page = visit(FIGURES["staircase"]).page
    x, w = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.9, -0.1, -1.2, 0.4])
    for value in (-1.4, -0.5, -0.1, 0.2, 0.4, 1.1):
        w[1] = value
        theirs = page.evaluate(
            f"async (w) => {{ const m = await {MATHEMATICS}; return m.staircase(w); }}", w.tolist()
        )
        codes, _, weights = projected("absmean", w)
        difference = float(x @ weights) + 1
        assert theirs["codes"] == codes
        assert theirs["loss"] == pytest.approx(difference**2 / 2)
        assert theirs["gradient"] == pytest.approx((difference * x).tolist())


def test_five_codes_are_the_byte_of_the_package(visit):
    page = visit(FIGURES["packing"]).page
    every = np.arange(243)[:, None] // 3 ** np.arange(5) % 3 - 1
    theirs = page.evaluate(
        f"async (all) => {{ const m = await {MATHEMATICS};"
        " return all.map((codes) => [m.packFive(codes), m.unpackFive(m.packFive(codes))]); }",
        every.tolist(),
    )
    assert [byte for byte, _ in theirs] == pack_trits(every.astype(np.int8).ravel()).tolist()
    assert [codes for _, codes in theirs] == every.tolist()


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_token_is_rounded_as_by_the_package(visit, bits):
    page = visit(FIGURES["activations"]).page
    for x in (*np.random.default_rng(3).integers(-99, 99, (5, 32)), np.zeros(32)):
        theirs = page.evaluate(
            f"async ([x, bits]) => {{ const m = await {MATHEMATICS};"
            " const q = m.quantize(x, bits); return [q.codes, q.scale, m.hadamard(x)]; }",
            [x.tolist(), bits],
        )
        codes, scales = quantize(x.astype(np.float32), bits)
        assert theirs[0] == codes.tolist()
        assert theirs[1] == pytest.approx(float(scales[0]))
        assert theirs[2] == pytest.approx(hadamard(x.astype(float)).tolist(), abs=1e-9)


def test_a_step_of_noise_flips_what_the_package_says(visit):
    page = visit(FIGURES["decay"]).page
    before, after, step = page.evaluate(
        f"async () => {{ const m = await {MATHEMATICS};"
        " const groups = new m.NoisyGroups({ groups: 3 });"
        " for (let i = 0; i < 50; i++) groups.step(0.003, 1);"
        " const before = structuredClone(groups.latents);"
        " const step = groups.step(0.003, 1); return [before, groups.latents, step]; }"
    )
    w, w_next = np.array(before), np.array(after)
    moved = np.abs(w_next - (1 - 0.003 * 1) * w)
    assert moved == pytest.approx(np.full(moved.shape, 0.003))
    codes = [[projected("absmean", group)[0] for group in each] for each in (before, after)]
    assert step["flips"] == pytest.approx(float(np.not_equal(*codes).mean()))
    assert step["rms"] == pytest.approx(float(np.sqrt((w_next**2).mean())))


def evaluate(page, module, code, argument=None):
    """What an expression gives in a module of the figures, m, for an argument, x."""
    load = f"const m = await import('/_static/figures/{module}.js');"
    return page.evaluate(f"async (x) => {{ {load} return {code}; }}", argument)


@pytest.mark.parametrize("scope", ["group", "per-row", "per-tensor"])
def test_a_painted_matrix_is_projected_as_by_the_package(visit, scope):
    page = visit(FIGURES["loudness"]).page
    rng = np.random.default_rng(4)
    W = np.exp(1.5 * rng.standard_normal((6, 4, 1))) * rng.standard_normal((6, 4, 16))
    theirs = evaluate(page, "matrices", "m.projectMatrix(...x)", [W.tolist(), scope])
    codes, scales, weights = project(W.reshape(6, 64), make_projection(scope, 16))
    groups = theirs["groups"]
    assert [[group["codes"] for group in row] for row in groups] == codes.reshape(W.shape).tolist()
    assert [[group["scale"] for group in row] for row in groups] == scales.tolist()
    lost = (W - weights.reshape(W.shape)) ** 2
    assert theirs["error"] == pytest.approx(float(lost.sum() / (W**2).sum()))
    own = (lost.sum(axis=2) / (W**2).sum(axis=2)).tolist()
    for row, ours in zip(groups, own, strict=True):
        assert [group["error"] for group in row] == pytest.approx(ours)


def test_who_decides_the_codes_is_the_package(visit):
    page = visit(FIGURES["ratio"]).page
    z = np.random.default_rng(5).standard_normal((1, 128))
    rules = {"own": GroupAbsMean(), "clamp": Clamped(1e-5), "sum": Added(1e-5)}
    for std in (1.0, 1e-3, 3e-5, 1e-5, 3e-6, 1e-6, 1e-7, 1e-8):
        w = std * z
        for rule, projection in rules.items():
            theirs = evaluate(page, "matrices", "m.decide(...x)", [w[0].tolist(), rule])
            assert theirs["codes"] == project(w, projection).codes[0].tolist(), (rule, std)
        stored = float(np.float16(np.abs(w).mean()))
        theirs = evaluate(page, "matrices", "m.decide(...x)", [w[0].tolist(), "stored"])
        assert theirs["zeros"] == int((np.abs(w) <= stored / 2).sum())
        for rho in (1 / 64, 0.5, 1.0, 4.0):
            theirs = evaluate(page, "matrices", "m.decide(...x)", [w[0].tolist(), "rho", rho])
            assert theirs["zeros"] == int((np.abs(w) <= rho * np.abs(w).mean() / 2).sum())
            assert theirs["rho"] == pytest.approx(rho)


def test_expected_zeros_are_the_error_function(visit):
    page = visit(FIGURES["ratio"]).page
    ratios = [0.0, 1 / 64, 0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 1e6]
    theirs = evaluate(page, "matrices", "x.map(m.expectedZeros)", ratios)
    assert theirs == pytest.approx([math.erf(rho / (2 * math.sqrt(math.pi))) for rho in ratios])
    assert evaluate(page, "matrices", "m.expectedZeros(Infinity)") == 1


class CountsPadding(GroupAbsMean):
    """The mistake of chapter 6."""

    def measure(self, latents, groups):
        m = np.abs(latents).mean(axis=1)
        return m / 2, m


@pytest.mark.parametrize("projection", [GroupAbsMean(), CountsPadding()])
def test_a_layer_learns_as_that_of_the_package(visit, projection):
    page = visit(FIGURES["teacher"]).page
    rng, rates = np.random.default_rng(6), [0.01, 0.02, 0.003, 0.05]
    teacher, latent = rng.standard_normal((2, 8, 130)) / 130**0.5
    batches = rng.standard_normal((len(rates), 32, 130))
    layer = TernaryLinear.from_latent(latent, projection)
    optimizer, losses = AdamW(layer.parameters), []
    for x, lr in zip(batches, rates, strict=True):
        target = x @ teacher.T
        error = layer.forward(x) - target
        layer.backward(error / 32)
        optimizer.step(lr)
        layer.project()
        losses.append(float((error**2).sum() / (target**2).sum()))
    code = (
        "(() => { const { latent, teacher, batches, rates, counts } = x;"
        " const layer = new m.Imitation(latent, teacher, counts);"
        " const losses = batches.map((x, k) => layer.step(x, m.product(x, teacher), rates[k]));"
        " return { losses, latent: layer.latent.map((row) => [...row]),"
        " weights: layer.weights.map((row) => [...row]) }; })()"
    )
    given = {"latent": latent, "teacher": teacher, "batches": batches}
    given = {name: array.tolist() for name, array in given.items()} | {"rates": rates}
    given["counts"] = isinstance(projection, CountsPadding)
    theirs = evaluate(page, "imitation", code, given)
    assert theirs["losses"] == pytest.approx(losses)
    assert np.array(theirs["latent"]) == pytest.approx(layer.W_latent)
    assert np.array(theirs["weights"]) == pytest.approx(layer.W_ternary)


def test_every_bug_is_found_by_pressing_its_place(visit):
    page = visit(FIGURES["bugs"]).page
    figure = page.locator("#interactive-bugs")
    figure.locator(".live").wait_for()
    puzzles = page.evaluate("async () => (await fetch('/_static/figures/bugs.json')).json()")
    for number, puzzle in enumerate(puzzles["puzzles"], 1):
        wrong = next(name for name in puzzles["places"] if name not in puzzle["possible"])
        for name in (wrong, puzzle["place"]):
            figure.locator(".cell").nth(puzzles["places"].index(name)).press("Enter")
            said = figure.locator(".verdict").inner_text()
            assert said.startswith("Yes. " if name == puzzle["place"] else "Not "), said
        assert f"{number} of {len(puzzles['puzzles'])}" in figure.locator(".readout").inner_text()
        figure.get_by_role("button", name="another model").press("Enter")


def test_every_run_is_named_by_one_answer(visit):
    page = visit(FIGURES["runs"]).page
    figure = page.locator("#interactive-runs")
    figure.locator(".live").wait_for()
    answers = figure.locator(".answers button")
    right = []
    for _ in range(answers.count()):
        for k in range(answers.count()):
            answers.nth(k).press("Enter")
            if figure.locator(".verdict").inner_text().startswith("Yes. "):
                right.append(k)
        figure.get_by_role("button", name="another run").press("Enter")
    assert sorted(right) == list(range(8))


def test_a_walk_on_a_grid_is_rounded_as_by_the_package(visit):
    page = visit(FIGURES["memory"]).page
    for step in (0.2, 0.5, 0.7, 1.5):
        nearest, chance = page.evaluate(
            f"async (step) => {{ const m = await {MATHEMATICS};"
            " const dice = m.uniforms(3);"
            " const ends = Array.from({ length: 2000 }, () => m.gridWalk(step, 20, dice)[20]);"
            " return [m.gridWalk(step, 20), ends]; }",
            step,
        )
        place = np.zeros(1)
        for theirs in nearest:
            assert theirs == place[0]
            place = round_grid(place + step)
        rest = step % 1
        sigma = math.sqrt(20 * rest * (1 - rest))
        assert np.mean(chance) == pytest.approx(20 * step, abs=5 * sigma / math.sqrt(2000))
        assert np.std(chance) == pytest.approx(sigma, rel=0.1)


@pytest.mark.parametrize("name", FIGURES)
def test_keys_change_what_a_figure_says(visit, name):
    opened = visit(FIGURES[name])
    figure = opened.page.locator(f"#interactive-{name}")
    figure.locator(".live").wait_for()
    assert not figure.locator(".still").is_visible()
    readout = figure.locator(".readout")
    selector, key = KEYS.get(name, ("[role=slider], input", "ArrowRight"))
    before = readout.inner_text()
    figure.locator(selector).first.focus()
    for _ in range(12):
        opened.page.keyboard.press(key)
    opened.page.wait_for_function(
        "([selector, before]) => document.querySelector(selector).innerText !== before",
        arg=[f"#interactive-{name} .readout", before],
    )
    assert opened.complaints == []


@pytest.mark.parametrize("name", FIGURES)
def test_without_scripts_and_in_print_there_is_the_still(visit, name):
    still = visit(FIGURES[name], java_script_enabled=False).page.locator(f"#interactive-{name} img")
    assert still.is_visible()
    printed = visit(FIGURES[name]).page
    printed.locator(f"#interactive-{name} .live").wait_for()
    printed.emulate_media(media="print")
    assert printed.locator(f"#interactive-{name} .still").is_visible()
    assert not printed.locator(f"#interactive-{name} .live").is_visible()


def test_a_soft_loss_is_that_of_the_package(visit):
    page = visit(FIGURES["temperature"]).page
    rng = np.random.default_rng(3)
    for weight, tau in ((0.0, 1.0), (0.5, 1.0), (1.0, 3.0)):
        z, teacher, target = rng.standard_normal((1, 9)), rng.standard_normal((1, 9)), 4
        loss = SoftCrossEntropy(weight, tau, np.float64)
        value = loss.forward(z, np.array([target]), teacher)
        given = [z[0].tolist(), teacher[0].tolist(), target, weight, tau]
        theirs = evaluate(page, "distill", "m.softLoss(...x)", given)
        assert theirs["loss"] == pytest.approx(value)
        assert theirs["gradient"] == pytest.approx(loss.backward()[0].tolist())
