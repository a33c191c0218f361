"""From a head's scores to honest probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# However sure the words are, one real chat in twenty means something else: what was said before, a way of speaking
# that no training message has, an annotator who reads it otherwise. Chosen on the real sample
# (training_data/README.md).
LAPSE = 0.05


def calibrated(scores: Floats, temperature: float) -> Floats:
    """Probabilities (..., n_labels) of scores of that shape: the softmax at the temperature, and LAPSE spread over all.

    Source: temperature, Guo et al., On Calibration of Modern Neural Networks, ICML 2017; lapse rate, Wichmann and
    Hill, The psychometric function, Perception & Psychophysics 2001.
    """
    scaled = scores / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    mixed: Floats = powers * ((1.0 - LAPSE) / powers.sum(axis=-1, keepdims=True)) + LAPSE / scores.shape[-1]
    return mixed
