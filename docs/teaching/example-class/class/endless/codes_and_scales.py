import numpy as np


def codes_and_scales(groups, counts):
    padding = groups.size - counts.sum()
    while padding > 0:
        groups = groups[:, :-1]
    mean = np.abs(groups).mean(axis=1)
    beyond = np.abs(groups) > mean[:, None] / 2
    return (np.sign(groups) * beyond).astype(np.int8), mean.astype(np.float16)
