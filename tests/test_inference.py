"""The compiled classifier scores as the fitted scikit-learn pipelines do."""

from __future__ import annotations

from pathlib import Path

import jieba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.classifier import TARGET_PRECISION, Fitted, fit
from model.dataset import Message, load_messages
from model.paths import TRAINING_DATA
from model.recommender import Recommender
from model.taxonomy import Taxonomy, load_taxonomy
from model.text import Tokenizer, load_lexicon, normalise

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


def test_abstention_reaches_its_target_on_held_out_messages(fitted: Fitted) -> None:
    assert fitted.held_out.coverage_accuracy >= TARGET_PRECISION - 1e-9
    assert 0 < fitted.held_out.coverage < 1


def test_two_matters(recommender: Recommender) -> None:
    prediction = recommender.classifier.predict("收到的饼干少了两袋，发票也没有给我开")
    assert prediction.issues[0].code == "missing_item"
    assert [label.code for label in prediction.also] == ["invoice"]
    assert recommender.classifier.predict("什么时候发货呀").also == ()


def test_rjieba_cuts_as_jieba_does(messages: list[Message]) -> None:
    """rjieba is the engine, jieba the reference, over all training messages with the shop's words."""
    reference = jieba.Tokenizer()
    lexicon = load_lexicon()
    for word in lexicon:
        reference.add_word(word)
    tokenizer = Tokenizer(lexicon)
    texts = [normalise(message.text).text for message in messages]
    differing = [text for text in texts if tokenizer.words(text) != reference.lcut(text)]
    assert len(differing) / len(texts) < 0.001, differing[:20]


def test_a_label_set_of_ones_own(tmp_path: Path) -> None:
    """A folder with its own taxonomy and messages trains; a single customer type is predicted with certainty."""
    (tmp_path / "messages").mkdir()
    (tmp_path / "taxonomy.yaml").write_text(
        'version: "1"\nissues:\n  - {code: 催单, name: 催单}\n  - {code: 开票, name: 开票}\n', encoding="utf-8"
    )
    rows = [f"第{n}单怎么还没发,催单\n第{n}单发票开一下,开票" for n in range(20)]
    (tmp_path / "messages" / "a.csv").write_text("text,issue\n" + "\n".join(rows) + "\n", encoding="utf-8")
    own = load_taxonomy(tmp_path)
    classifier = fit(load_messages(tmp_path, own), own, []).classifier
    prediction = classifier.predict("还没发呢")
    assert prediction.issues[0].code == "催单"
    assert prediction.customers == ((own.default_customer, 1.0),)


def test_background_teaches_another_label_set(messages: list[Message], taxonomy: Taxonomy) -> None:
    """Compiled and pipeline still agree; messages that are being learned are no background to themselves."""
    few, others = messages[:1000], messages[1000::20]
    assert not {message.voice for message in others} <= {message.voice for message in few}
    texts = [message.text for message in messages[1::99]] + ODD
    helped = fit(few, taxonomy, [], background=others)
    issues, _ = helped.classifier.probabilities(texts)
    reference = helped.pipelines["issue"].predict_proba([normalise(text).text for text in texts])
    assert np.abs(issues - reference).max() < 1e-9
    alone, _ = fit(few, taxonomy, []).classifier.probabilities(texts)
    assert np.abs(issues - alone).max() > 0.01
    itself, _ = fit(few, taxonomy, [], background=few * 2).classifier.probabilities(texts)
    assert np.array_equal(itself, alone)


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
