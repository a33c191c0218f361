"""What an agent gets to see."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.case import open_case
from model.compensation import suggest
from model.context import Context
from model.conversation import Turn
from model.playbook.book import Playbook
from model.recommendation import Compensation
from model.recommender import Recommender
from model.taxonomy import Taxonomy

BULGING = "老板收到你家饼干涨袋了"


def compensation(playbook: Playbook, issue: str, **facts: Any) -> Compensation | None:
    case = open_case(playbook, "", [], Context.model_validate(facts), None)
    return suggest(playbook, issue, case.facts)


def test_bulging_first_purchase_of_one_pack(recommender: Recommender) -> None:
    context = Context.model_validate({"product_line": "biscuit", "package_count": 1, "returning_customer": False})
    answer = recommender.recommend(BULGING, context=context)
    assert answer.issue.code == "bulging"
    assert answer.customer.code == "calm"
    assert answer.stage == "resolve"
    money = answer.compensation
    assert money is not None
    assert (money.remedy, money.min, money.max, money.currency) == ("cash", "3.00", "3.00", "CNY")
    assert [basis.rule for basis in money.basis] == ["bulging-keep"]
    assert money.basis[0].source
    assert "3元" in answer.replies[0].text


def test_bulging_with_count_and_standing_unknown(recommender: Recommender) -> None:
    money = recommender.recommend(BULGING, context=Context.model_validate({"product_line": "biscuit"})).compensation
    assert money is not None
    assert (money.min, money.max) == ("3.00", "5.00")
    assert "一共买了几件（袋）？" in money.ask
    assert "是不是老客户（以前买过）？" in money.ask


def test_an_answer_leaves_no_work_for_the_garbage_collector(recommender: Recommender) -> None:
    """The service looks for cyclic garbage once a minute; see `api.garbage`."""
    context = Context.model_validate({"photo": "none"})
    history = [Turn("buyer", "在吗"), Turn("agent", "您好亲")]
    gc.collect()
    gc.disable()
    try:
        for number in range(50):
            recommender.recommend(f"{BULGING}，第{number}袋", history, context)
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_only_the_latest_messages_are_remembered(recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.recommender.REMEMBERED_MESSAGES", 3)
    fresh = Recommender(recommender.classifier, recommender.playbook)
    fresh.classify(["一", "二"])
    fresh.classify(["三", "四"])
    assert list(fresh._predictions) == ["二", "三", "四"]
    assert len(fresh.classify(list("甲乙丙丁戊"))) == 5, "what is asked is answered, however many they are"
    assert list(fresh._predictions) == ["丙", "丁", "戊"]


def test_cash_never_exceeds_the_order(playbook: Playbook) -> None:
    money = compensation(playbook, "bulging", product_line="biscuit", package_count=3, order_amount="4.20")
    assert money is not None
    assert (money.min, money.max, money.requires_approval) == ("4.20", "4.20", True)


@pytest.mark.parametrize(
    ("issue", "facts", "remedy", "low", "high", "rule"),
    [
        ("bulging", {"product_line": "snack", "package_count": 2}, "cash", "5.00", "5.00", "bulging-keep"),
        (
            "damaged",
            {
                "product_line": "grain_powder",
                "damage_extent": "slight",
                "package_count": 1,
                "returning_customer": False,
            },
            "cash",
            "5.00",
            "5.00",
            "spill-slight",
        ),
        (
            "damaged",
            {"product_line": "grain_powder", "damage_extent": "slight", "returning_customer": True},
            "cash",
            "8.00",
            "8.00",
            "spill-slight",
        ),
        (
            "damaged",
            {"damage_extent": "severe", "goods_value": "30", "package_count": 3, "affected_count": 2},
            "resend",
            "20.00",
            "20.00",
            "spill-severe",
        ),
        ("spoilage", {"photo": "provided", "goods_value": "30"}, "full_refund", "30.00", "30.00", "not-keepable"),
        ("foreign_object", {"photo": "refused"}, "full_refund", None, None, "not-keepable"),
        (
            "short_shelf_life",
            {"photo": "provided", "shelf_life_shown": False, "goods_value": "9.9"},
            "full_refund",
            "9.90",
            "9.90",
            "not-keepable-short-life",
        ),
        ("missing_item", {"manifest_ok": False}, "resend", None, None, "missing-resend"),
        ("missing_item", {"manifest_ok": True, "weight_ok": False}, "resend", None, None, "missing-resend-weight"),
        (
            "missing_item",
            {"manifest_ok": True, "weight_ok": True, "parcel_intact": True},
            "none",
            "0.00",
            "0.00",
            "missing-all-right",
        ),
    ],
)
def test_rules_of_the_playbook(
    playbook: Playbook, issue: str, facts: dict[str, Any], remedy: str, low: str | None, high: str | None, rule: str
) -> None:
    money = compensation(playbook, issue, **facts)
    assert money is not None
    assert (money.remedy, money.min, money.max) == (remedy, low, high)
    assert [basis.rule for basis in money.basis] == [rule]


def test_no_rule_no_figure(playbook: Playbook) -> None:
    assert compensation(playbook, "invoice") is None


def test_every_issue_has_a_reply_without_any_context(playbook: Playbook, taxonomy: Taxonomy) -> None:
    for issue in taxonomy.issues:
        assert any(
            not t.slots and not t.when and not t.customers and not t.remedies for t in playbook.templates[issue.code]
        )
    for issue in taxonomy.issues:
        if issue.group in {"quality", "logistics"} and issue.code not in {"health_harm", "counterfeit"}:
            stages = {str(template.stage) for template in playbook.templates[issue.code]}
            assert {"reassure", "clarify", "resolve"} <= stages, issue.code


@pytest.mark.parametrize(
    "message", ["吃了你家的坚果拉肚子了去医院了", "我要打12315投诉你们", "这是假货吧怎么证明是正品"]
)
def test_a_person_decides_on_risk(recommender: Recommender, message: str) -> None:
    answer = recommender.recommend(message)
    assert answer.review.needed
    assert any("人工" in reason for reason in answer.review.reasons)


def test_the_photo_decides_the_stage(recommender: Recommender) -> None:
    message = "收到的核桃都发霉了"
    assert recommender.recommend(message).stage == "evidence"
    provided = recommender.recommend(message, context=Context.model_validate({"photo": "provided"}))
    assert provided.stage == "resolve"
    assert all("拍" not in reply.text or reply.stage != "evidence" for reply in provided.replies)


@given(
    st.text(st.one_of(st.characters(), st.sampled_from("什么时候发货漏了坏气死了退款😡")), min_size=1, max_size=40),
    st.fixed_dictionaries(
        {},
        optional={
            "product_line": st.sampled_from(["biscuit", "grain_powder", "shoes", "other"]),
            "photo": st.sampled_from(["none", "provided", "refused"]),
            "damage_extent": st.sampled_from(["slight", "severe"]),
            "package_count": st.integers(1, 9),
            "affected_count": st.integers(0, 9),
            "order_amount": st.decimals(0, 500, places=2),
            "goods_value": st.decimals(0, 500, places=2),
            "manifest_ok": st.booleans(),
            "returning_customer": st.booleans(),
        },
    ),
)
def test_any_message_gets_a_whole_answer(recommender: Recommender, message: str, facts: dict[str, Any]) -> None:
    context = Context.model_validate(facts)
    answer = recommender.recommend(message, [Turn("agent", "您好亲")], context, top_k=2)
    assert answer == recommender.recommend(message, [Turn("agent", "您好亲")], context, top_k=2)
    assert 1 <= len(answer.replies) <= 2
    for reply in answer.replies:
        assert "{" not in reply.text
    money = answer.compensation
    if money and money.min and money.max:
        assert float(money.min) <= float(money.max)
        assert money.min[-3] == money.max[-3] == "."
        if money.remedy == "cash" and not money.alternatives and context.order_amount is not None:
            assert float(money.max) <= float(context.order_amount)
