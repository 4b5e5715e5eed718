"""Eight-bit activations: a linear layer whose sums are whole numbers."""

from matplotlib.figure import Figure
from style import BLUE, GREEN, GREY, ORANGE, arrow, box, sketch

SMALL = {"color": GREEN, "size": 8}


def draw() -> Figure:
    figure, axis = sketch(6.8, 2.5)
    box(axis, 6, 104, 74, 46, colour=GREY, text="token\nfloat32, $d$")
    box(axis, 112, 104, 78, 46, colour=BLUE, text="codes\nint8, $d$")
    box(axis, 112, 24, 78, 46, colour=BLUE, text="a row of trits\n$-1, 0, +1$")
    box(axis, 226, 64, 90, 46, colour=BLUE, text="add, subtract\nint32: exact,\nany order")
    box(axis, 352, 64, 66, 46, colour=GREEN, text="times\nboth scales")
    box(axis, 440, 64, 44, 46, colour=GREY, text="output\nfloat32")
    arrow(axis, (80, 127), (112, 127))
    axis.text(96, 134, "round", ha="center", size=8, color=ORANGE)
    arrow(axis, (190, 127), (236, 110), BLUE)
    arrow(axis, (190, 47), (236, 64), BLUE)
    arrow(axis, (316, 87), (352, 87), BLUE)
    arrow(axis, (418, 87), (440, 87))
    look = {"color": GREEN, "lw": 1.4}
    axis.plot([43, 43, 385], [150, 162, 162], **look)
    arrow(axis, (385, 162), (385, 110), GREEN)
    axis.text(214, 167, "scale of the token: its largest magnitude / 127", ha="center", **SMALL)
    axis.plot([190, 385], [34, 34], **look)
    arrow(axis, (385, 34), (385, 64), GREEN)
    axis.text(288, 22, "scale of the group", ha="center", **SMALL)
    return figure
