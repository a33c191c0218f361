"""From a head's scores to honest probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.machine_code import compiled, compiled_over_last_axis

Floats = NDArray[np.float64]

# However sure the words are, one real chat in twenty means something else: what was said before, a way of speaking
# that no training message has, an annotator who reads it otherwise. Chosen on the real sample
# (training_data/README.md).
LAPSE = 0.05


@compiled
def calibrate(scores: Floats, temperature: float, probabilities: Floats) -> None:
    """`calibrated` of one message, written into an array."""
    top = scores.max()
    total = 0.0
    for label in range(len(scores)):
        probabilities[label] = np.exp((scores[label] - top) / temperature)
        total += probabilities[label]
    for label in range(len(scores)):
        probabilities[label] = probabilities[label] / total * (1.0 - LAPSE) + LAPSE / len(scores)


@compiled_over_last_axis("void(float64[:], float64, float64[:])", "(n),()->(n)")
def _calibrated(scores: Floats, temperature: float, probabilities: Floats) -> None:
    calibrate(scores, temperature, probabilities)


def calibrated(scores: Floats, temperature: float) -> Floats:
    """Probabilities (..., n_labels) of scores of that shape: the softmax at the temperature, and LAPSE spread over all.

    Source: temperature, Guo et al., On Calibration of Modern Neural Networks, ICML 2017; lapse rate, Wichmann and
    Hill, The psychometric function, Perception & Psychophysics 2001.
    """
    probabilities: Floats = _calibrated(scores, temperature)
    return probabilities
