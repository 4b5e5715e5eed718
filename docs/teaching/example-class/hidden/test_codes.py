"""Codes on data of our own"""

import numpy as np
from pytest_grader import points


@points(2)
def test_a_group_that_is_not_full(answer):
    groups = np.zeros((1, 128), np.float32)
    groups[0, :3] = 0.5, -0.2, -0.8
    codes, _ = answer("codes_and_scales")(groups, np.array([3.0], np.float32))
    assert codes[0, :3].tolist() == [1, 0, -1]


def test_scales_are_half_precision(answer):
    groups = np.ones((4, 128), np.float32)
    _, scales = answer("codes_and_scales")(groups, np.full(4, 128.0, np.float32))
    assert scales.dtype == np.float16
