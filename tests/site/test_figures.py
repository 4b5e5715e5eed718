"""The interactive figures compute what `ternary` computes, and can be used by keyboard alone."""

import numpy as np
import pytest

from ternary import TWN, GroupAbsMean
from ternary.codecs import pack_trits
from ternary.experiments.scale_rules import RULES, GroupLeastSquares
from ternary.projection import Groups, Projected

pytestmark = pytest.mark.site
FIGURES = {
    "projection": "book/01-three-values.html",
    "staircase": "book/02-straight-through.html",
    "decay": "book/05-weight-decay.html",
    "packing": "book/10-packing.html",
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


@pytest.mark.parametrize("name", FIGURES)
def test_keys_change_what_a_figure_says(visit, name):
    opened = visit(FIGURES[name])
    figure = opened.page.locator(f"#interactive-{name}")
    figure.locator(".live").wait_for()
    assert not figure.locator(".still").is_visible()
    readout, control = figure.locator(".readout"), figure.locator("[role=slider], input")
    before = readout.inner_text()
    control.first.focus()
    for _ in range(12):
        opened.page.keyboard.press("ArrowRight")
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
