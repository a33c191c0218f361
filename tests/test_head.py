"""The linear head on terms small enough to see through."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from model.head import CalibratedLinear


def test_background_tells_which_terms_are_alike() -> None:
    """The label set has seen the first and the third of four terms; the background knows the others as their likes."""
    seen = csr_matrix(np.tile(np.eye(4)[[0, 2]], (5, 1)))
    labels = np.array(["a", "b"] * 5)
    background = csr_matrix(np.tile(np.eye(4), (20, 1))), np.array(["p", "p", "q", "q"] * 20)
    unseen = csr_matrix(np.eye(4)[[1, 3]])
    alone = CalibratedLinear().fit(seen, labels)
    assert np.ptp(alone.decision_function(unseen)[:, 0]) == 0
    helped = CalibratedLinear().fit(seen, labels, background)
    assert list(helped.predict(unseen)) == ["a", "b"]
    assert helped.coef_.shape == alone.coef_.shape
