"""Which messages come first to be labelled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from rapidfuzz import fuzz

from api.model_in_use import ModelState
from model import active_learning
from model.active_learning import Candidate, Reason, novelty, rank, uncertainty
from model.inference import Classifier


@pytest.fixture(scope="module")
def classifier(state: ModelState) -> Classifier:
    return state.recommender.classifier


def order(classifier: Classifier, *texts: str) -> list[str]:
    ranked = rank(classifier, [[Candidate(place, text) for place, text in enumerate(texts)]])
    return [texts[place] for place, _ in ranked]


@given(npst.arrays(float, st.tuples(st.integers(1, 5), st.integers(2, 6)), elements=st.floats(0.01, 1)))
def test_uncertainty_is_one_less_the_margin(rows: np.ndarray) -> None:
    probabilities = rows / rows.sum(axis=1, keepdims=True)
    top = np.sort(probabilities, axis=1)
    assert np.allclose(uncertainty(probabilities), 1 - top[:, -1] + top[:, -2])


def test_what_the_model_is_sure_of_comes_last(classifier: Classifier) -> None:
    assert order(classifier, "什么时候发货", "那个你们后来弄得怎么样", "饼干涨袋了")[0] == "那个你们后来弄得怎么样"


def test_unseen_words_come_before_seen_ones(classifier: Classifier) -> None:
    seen, unseen = "饼干涨袋了", "饕餮魍魉蹀躞囹圄"
    assert novelty(classifier, seen) == 0
    assert novelty(classifier, unseen) > 0.5
    assert novelty(classifier, "！？ 123") == 0
    ranked = rank(classifier, [[Candidate(0, seen), Candidate(1, f"{seen}{unseen}")]])
    assert ranked[0] == (1, Reason.novel)


def test_a_disputed_label_comes_first(classifier: Classifier) -> None:
    texts = ["饼干涨袋了", "什么时候发货", "少了一包", "发票开错了抬头"]
    candidates = [Candidate(place, text) for place, text in enumerate(texts)]
    disputed = candidates[2]._replace(suggested_issue="damaged")
    agreed = candidates[3]._replace(suggested_issue="invoice")
    ranked = rank(classifier, [[*candidates[:2], disputed, agreed]])
    assert ranked[0] == (2, Reason.disputed)
    assert dict(ranked)[3] is not Reason.disputed


def test_near_copies_come_last(classifier: Classifier) -> None:
    copies = [f"那个东西你们后来到底弄得怎么样了{sign}" for sign in ("", "呀", "呢", "啊", "嘛", "哦", "诶")]
    others = ["饼干涨袋了", "什么时候发货", "少了一包", "发票抬头错了", "鞋子大了一码", "快递扔门口"]
    ranked = order(classifier, *copies, *others)
    top = ranked[: len(others) + 1]
    assert set(others) <= set(top)
    likeness = max(fuzz.ratio(a, b) for place, a in enumerate(top) for b in top[:place])
    assert likeness < 80


def test_every_candidate_keeps_a_place_and_parts_do_not_matter(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = [Candidate(n, f"第{n}个{'碎' * (n % 7)}了怎么{n % 5}") for n in range(120)]
    whole = rank(classifier, [candidates])
    assert sorted(item_id for item_id, _ in whole) == list(range(120))
    assert rank(classifier, [candidates[:50], [], candidates[50:]]) == whole
    assert rank(classifier, []) == []
    assert [item_id for item_id, _ in rank(classifier, [[Candidate(7, "\u200b")]])] == [7]
    monkeypatch.setattr(active_learning, "POOL", 20)
    assert len(rank(classifier, [candidates[:50], candidates[50:]])) == 20
