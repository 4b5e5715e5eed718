import numpy as np


def codes_and_scales(groups, counts):
    mean = np.abs(groups).sum(axis=1) / counts
    beyond = np.abs(groups) > mean[:, None] / 2
    return (np.sign(groups) * beyond).astype(np.int8), mean.astype(np.float16)
