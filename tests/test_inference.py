"""The compiled classifier scores as the fitted scikit-learn pipelines do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.classifier import Fitted, fit
from model.dataset import Message, load_messages
from model.paths import TRAINING_DATA
from model.recommender import Recommender
from model.taxonomy import Taxonomy
from model.text import load_lexicon, normalise

ODD = [
    "",
    " ",
    "😡😡",
    "\0",
    "\ud83d",
    "!" * 2000,
    "哈" * 2000,
    "12345678901",
    "hello where is my parcel",
    "ありがとう",
]


@pytest.fixture(scope="module")
def messages(taxonomy: Taxonomy) -> list[Message]:
    return load_messages(TRAINING_DATA, taxonomy)


@pytest.fixture(scope="module")
def fitted(messages: list[Message], taxonomy: Taxonomy) -> Fitted:
    return fit(messages[::8], taxonomy, load_lexicon())


def test_probabilities_equal_the_pipelines(fitted: Fitted, messages: list[Message]) -> None:
    texts = [message.text for message in messages[1::9]] + ODD
    normal = [normalise(text).text for text in texts]
    issues, customers = fitted.classifier.probabilities(texts)
    assert np.abs(issues - fitted.pipelines["issue"].predict_proba(normal)).max() < 1e-9
    assert np.abs(customers - fitted.pipelines["customer"].predict_proba(normal)).max() < 1e-9
    for text, issue, customer in zip(texts, issues, customers, strict=True):
        single = fitted.classifier.predict(text)
        by_code = dict(zip(fitted.classifier.issue_codes, issue, strict=True))
        assert all(abs(label.confidence - by_code[label.code]) < 1e-9 for label in single.issues)
        assert single.customers[0].confidence == pytest.approx(customer.max(), abs=1e-9)


def test_probabilities_are_probabilities(fitted: Fitted) -> None:
    for probabilities in fitted.classifier.probabilities(ODD):
        assert np.allclose(probabilities.sum(axis=1), 1)
        assert (probabilities >= 0).all()


def test_held_out_metrics_are_not_those_of_the_training_messages(fitted: Fitted, messages: list[Message]) -> None:
    seen = messages[::8]
    issues, _ = fitted.classifier.probabilities([message.text for message in seen])
    best = np.asarray(fitted.classifier.issue_codes)[issues.argmax(axis=1)]
    on_seen = np.mean([code == message.issue for code, message in zip(best, seen, strict=True)])
    assert fitted.held_out.issue_accuracy < on_seen - 0.05


@given(st.text(st.one_of(st.characters(), st.sampled_from("饼干漏气發霉了！少一袋😡\u200b ")), max_size=80))
def test_evidence_points_into_the_message(recommender: Recommender, message: str) -> None:
    evidence = recommender.classifier.predict(message).evidence
    assert len(evidence) <= 5
    end = 0
    for item in evidence:
        assert end <= item.start < item.end <= len(message)
        assert message[item.start : item.end] == item.text
        assert item.weight > 0
        end = item.end


def test_evidence_names_the_fault(recommender: Recommender) -> None:
    message = "😡😡😡老板！！！！收到的饼幹漲袋了"
    evidence = recommender.classifier.predict(message).evidence
    assert "漲袋" in [item.text for item in evidence]
