"""Draw the README's picture, light and dark: `python docs/tools/draw_readme.py`.

The group of the first figure of chapter 1 and what the package makes of it: dots are latents, the
band holds what becomes 0, bars are the ternary weights, the numbers the codes.
The two files are committed, because a README is shown where nothing is built.
"""

import sys
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parents[1] / "_static"
ROOT = FOLDER.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "book" / "figures")]

from group_projection import LATENTS  # noqa: E402

from ternary import project  # noqa: E402

SCHEMES = {
    "light": {
        "ink": "#1f2328",
        "muted": "#59636e",
        "band": "#dfe3e8",
        "dot": "#1c6fb5",
        "bar": "#f0cf8a",
    },
    "dark": {
        "ink": "#f0f6fc",
        "muted": "#9198a1",
        "band": "#30363d",
        "dot": "#58a6e8",
        "bar": "#94691a",
    },
}
WIDTH, HEIGHT, LEFT, STEP = 760, 330, 50, 44
MIDDLE, UNIT = 152, 74  # the line of zero, and pixels for a weight of 1


def picture(scheme: str) -> str:
    """The SVG, a few kilobytes of it."""
    colour = SCHEMES[scheme]
    latents = np.array([LATENTS], np.float32)
    codes, scales, _ = project(latents)
    scale = float(scales[0, 0])
    half = UNIT * scale / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif">',
        "<title>Sixteen latent weights, and the codes and the scale made of them</title>",
        f'<rect x="{LEFT - 30}" y="{MIDDLE - half:.1f}" width="{STEP * 15 + 60}" '
        f'height="{2 * half:.1f}" rx="3" fill="{colour["band"]}"/>',
    ]
    for n, (latent, code) in enumerate(zip(LATENTS, codes[0].tolist(), strict=True)):
        x, y = LEFT + STEP * n, MIDDLE - UNIT * latent
        if code:
            top = min(MIDDLE, MIDDLE - UNIT * scale * code)
            parts.append(
                f'<rect x="{x - 13}" y="{top:.1f}" width="26" height="{UNIT * scale:.1f}" '
                f'fill="{colour["bar"]}"/>'
            )
        parts.append(
            f'<path d="M{x} {MIDDLE}V{y:.1f}" stroke="{colour["dot"]}" stroke-width="2.5"/>'
            f'<circle cx="{x}" cy="{y:.1f}" r="5.5" fill="{colour["dot"]}"/>'
        )
        text = {1: "+1", 0: "0", -1: "\N{MINUS SIGN}1"}[code]
        fill = colour["ink" if code else "muted"]
        parts.append(
            f'<text x="{x}" y="296" text-anchor="middle" font-size="17" font-weight="600" '
            f'fill="{fill}">{text}</text>'
        )
    parts.append(f'<path d="M{LEFT - 30} {MIDDLE}h{STEP * 15 + 60}" stroke="{colour["muted"]}"/>')
    legend = [(LEFT, "dot", "latent weight"), (LEFT + 160, "band", "becomes 0"),
              (LEFT + 290, "bar", f"code times the scale, {scale:.3f}")]  # fmt: skip
    for x, kind, text in legend:
        parts.append(
            f'<circle cx="{x}" cy="18" r="6" fill="{colour[kind]}"/>'
            f'<text x="{x + 14}" y="23" font-size="15" fill="{colour["muted"]}">{text}</text>'
        )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def main(folder: Path = FOLDER) -> None:
    for scheme in SCHEMES:
        (folder / f"readme-{scheme}.svg").write_text(picture(scheme), "utf-8")


if __name__ == "__main__":
    main()
