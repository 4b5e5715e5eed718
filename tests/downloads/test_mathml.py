"""What latex2mathml gets wrong for readers of today, and what is made of it."""

import re

import pytest
from mathml import to_mathml

pytestmark = pytest.mark.site


def inside(latex):
    """The MathML of a formula without the outermost element and row."""
    whole = to_mathml(latex, "inline")
    return re.fullmatch(r"<math [^>]*><mrow>(.*)</mrow></math>", whole)[1]


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\mathbf q", "<mi>\N{MATHEMATICAL BOLD SMALL Q}</mi>"),
        (r"\mathrm{d}x", '<mi mathvariant="normal">d</mi><mi>x</mi>'),
        (r"s_\mathrm{max}", "<msub><mi>s</mi><mrow><mi>max</mi></mrow></msub>"),
        (r"\Delta", '<mi mathvariant="normal">Δ</mi>'),
        (r"\operatorname{sign} w", '<mi>sign</mi><mspace width="0.167em" /><mi>w</mi>'),
        (r"\log_2 n", '<msub><mi>log</mi><mn>2</mn></msub><mspace width="0.167em" /><mi>n</mi>'),
        (r"a = -b", '<mi>a</mi><mo>=</mo><mo form="prefix">\N{MINUS SIGN}</mo><mi>b</mi>'),
        (r"a - b", "<mi>a</mi><mo>\N{MINUS SIGN}</mo><mi>b</mi>"),
        (r"32{,}767", "<mn>32,767</mn>"),
        (r"2 \cdot 3", "<mn>2</mn><mo>⋅</mo><mn>3</mn>"),
        (r"a := b", "<mi>a</mi><mo>:=</mo><mi>b</mi>"),
        (r"a; b", "<mi>a</mi><mo>;</mo><mi>b</mi>"),
        (r"a\!b", '<mi>a</mi><mspace width="-0.167em" /><mi>b</mi>'),
    ],
)
def test_repairs(latex, expected):
    assert inside(latex) == expected


def test_a_bar_has_no_space_around_it():
    assert inside("|w|").count('lspace="0" rspace="0"') == 2


def test_the_formula_can_be_read_aloud():
    assert 'alttext="w - \\theta"' in to_mathml("w -\n\\theta", "inline")
