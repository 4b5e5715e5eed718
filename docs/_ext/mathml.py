"""Sphinx: formulas as MathML, for the EPUB, whose readers run no scripts.

The pages use MathJax. latex2mathml converts every formula of the book without losing a symbol, but
not to what readers show well: today they follow MathML Core, which dropped much of what it writes.
`repair` corrects that, and the spacing that TeX derives from the kind of a symbol.
"""

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

logger = logging.getLogger(__name__)
MATHML = "{http://www.w3.org/1998/Math/MathML}"
ET.register_namespace("", MATHML[1:-1])

OPENING, CLOSING, BARS = "([{⟨⌈⌊", ")]}⟩⌉⌋", "|‖"
SIGNS = "\N{MINUS SIGN}+±"
PRIME = "\N{PRIME}"
# Named spaces are no longer understood; \! is the only one that latex2mathml writes so.
SPACES = {"negativethinmathspace": "-0.167em"}
BOLD = {  # \mathbf: the bold letters of Unicode, because mathvariant="bold" is no longer understood
    **{chr(ord("A") + n): chr(0x1D400 + n) for n in range(26)},
    **{chr(ord("a") + n): chr(0x1D41A + n) for n in range(26)},
    **{chr(ord("0") + n): chr(0x1D7CE + n) for n in range(10)},
}
ROMAN = re.compile(r"\\mathrm\{(\w)\}")


def is_a(element, tag, letters=None):
    """Whether this is a `tag`, and its text one of `letters` where they are given."""
    return (
        element is not None
        and element.tag == MATHML + tag
        and (letters is None or (element.text or "?") in letters)
    )


def innermost(element):
    """The base of scripts and limits: for log with an index, the log."""
    while element.tag in {
        MATHML + tag for tag in ("msub", "msup", "msubsup", "munder", "munderover")
    }:
        element = element[0]
    return element


def repair_leaf(element):
    """Correct one symbol by itself."""
    text = element.text or ""
    if element.tag == MATHML + "mo":
        if len(text) > 1 and text.isalpha():  # sign, max: names, not operators with wide spaces
            element.tag = MATHML + "mi"
        elif text == "·":
            element.text = "⋅"
        elif text in BARS or text == "/":
            element.set("lspace", "0")
            element.set("rspace", "0")
            if "minsize" not in element.attrib and "form" not in element.attrib:
                element.set("stretchy", "false")
        elif text == "^":  # a hat is as wide as it is
            element.set("stretchy", "false")
    elif element.tag == MATHML + "mi":
        if text in ";:!?" or text == PRIME:
            element.tag = MATHML + "mo"
        elif (
            len(text) == 1 and "\N{GREEK CAPITAL LETTER ALPHA}" <= text <= "Ω"
        ):  # capital Greek stands upright, as in TeX
            element.set("mathvariant", "normal")
        elif element.get("mathvariant") == "bold":
            element.text = "".join(BOLD.get(letter, letter) for letter in text)
            element.attrib.pop("mathvariant")
    elif element.tag == MATHML + "mspace":
        element.set("width", SPACES.get(element.get("width"), element.get("width")))


def repair_row(row):
    """Correct what depends on the neighbours, in one row of symbols."""
    children = list(row)
    for before, element, after in zip(
        [None, *children], children, [*children[1:], None], strict=False
    ):
        # A sign after an operator or an opening bracket belongs to the number that follows.
        if is_a(element, "mo", SIGNS) and before is not None:
            unary = is_a(before, "mo") and before.text not in (*CLOSING, *BARS, PRIME, "!")
            if unary or before.tag == MATHML + "mspace":
                element.set("form", "prefix")
        # TeX sets a thin space between log and what it is applied to, unless that is in brackets.
        named = innermost(element)
        if (
            is_a(named, "mi")
            and len(named.text or "") > 1
            and named.text.isalpha()
            and after is not None
            and not is_a(after, "mspace")
            and not (is_a(after, "mo") and after.text not in BARS)
        ):
            row.insert(list(row).index(after), ET.Element(MATHML + "mspace", width="0.167em"))


def join_roman(row):
    """Make one name of letters set upright, \\mathrm{max}, which come one by one."""
    for first in list(row):
        if first.get("mathvariant") == "normal" and first in list(row):
            place = list(row).index(first)
            for other in list(row)[place + 1 :]:
                if other.get("mathvariant") != "normal":
                    break
                first.text += other.text
                row.remove(other)
            if len(first.text) > 1:
                first.attrib.pop("mathvariant")


def join_assignment(row):
    """Make one sign of := , which comes as two with a space between."""
    children = list(row)
    for colon, equals in pairwise(children):
        if is_a(colon, "mo", ":") and is_a(equals, "mo", "="):
            equals.text = ":="
            row.remove(colon)


def join_thousands(row):
    """Make one number of 32{,}767, which comes as two with a comma in a row of its own."""
    children = list(row)
    for whole, comma, rest in zip(children, children[1:], children[2:], strict=False):
        braced = comma.tag == MATHML + "mrow" and len(comma) == 1 and is_a(comma[0], "mo", ",")
        if is_a(whole, "mn") and braced and is_a(rest, "mn"):
            rest.text = f"{whole.text},{rest.text}"
            row.remove(whole)
            row.remove(comma)


def repair(markup: str, latex: str) -> str:
    """What latex2mathml wrote, as readers of today need it."""
    root = ET.fromstring(markup)
    for element in root.iter():
        repair_leaf(element)
    for element in root.iter():
        if element.tag in (MATHML + "mrow", MATHML + "mstyle", MATHML + "mtd"):
            join_roman(element)
            join_assignment(element)
            join_thousands(element)
            repair_row(element)
    root.set("alttext", " ".join(latex.split()))
    return ET.tostring(root, encoding="unicode")


def to_mathml(latex: str, display: str) -> str:
    """MathML of a formula, ``display`` being inline or block."""
    # A single upright letter in braces comes out italic, \mathrm{d}x; without them it does not.
    return repair(convert(ROMAN.sub(r"\\mathrm \1 ", latex), display=display), latex)


def visit_math(self, node, display="inline"):
    latex = node.astext().strip()
    lines = re.sub(r"\\begin\{(\w+)\*?\}.*?\\end\{\1\*?\}", "", latex, flags=re.S)
    if display == "block" and "\\\\" in lines:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    try:
        markup = to_mathml(latex, display)
    except Exception as error:  # latex2mathml raises many kinds
        logger.warning("latex2mathml cannot convert %r: %r", latex, error, location=node)
        markup = self.encode(latex)
    if display == "block":
        markup = f"{self.starttag(node, 'div', CLASS='math')}{markup}</div>\n"
    self.body.append(markup)
    raise nodes.SkipNode


def visit_math_block(self, node):
    visit_math(self, node, "block")


def setup(app):
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.add_config_value("epub_math_renderer", "mathml", "epub")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
