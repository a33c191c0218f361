"""The playbook holds together, a shop may override it, and no case breaks it."""

from __future__ import annotations

import json
import random
import shutil
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from model.adviser import Adviser
from model.context import Context
from model.conversation import Turn
from model.errors import InputError
from model.inference import Prediction, Scored
from model.opening_hours import OpeningHours
from model.paths import PLAYBOOK
from model.playbook.book import Playbook, read_playbook
from model.playbook.check import problems
from model.playbook.loading import load_playbook
from model.ranking import Acceptance
from model.taxonomy import Taxonomy
from tests.conftest import shouhou
from tests.scenario import THRESHOLDS

CHINA = timezone(timedelta(hours=8))
CASES = 10_000
WORDS = [
    "饼干",
    "五谷粉",
    "涨袋",
    "撒了一点点",
    "两袋",
    "买了三包",
    "老顾客",
    "照片发你了",
    "不要了",
    "便宜了10元",
    "到付收了18",
    "玻璃渣",
    "假一赔十",
    "昨天签收",
    "单号SF1234567890123",
    "顺丰",
    "好的",
    "不行",
    "谢谢",
    "开胶",
    "皮鞋",
    "13812345678",
]


def anything(dice: random.Random) -> dict[str, Any]:
    """A random context: each fact left out half of the time."""
    now = datetime(2026, 3, 1, tzinfo=CHINA) + timedelta(minutes=dice.randrange(60 * 24 * 14))
    times = ["paid_at", "shipped_at", "signed_at", "completed_at", "refund_requested_at", "refund_refused_at"]
    times += ["return_shipped_at", "return_received_at"]
    booleans = [
        "returning_customer",
        "keeps_goods",
        "usable",
        "repairable",
        "fit_to_return",
        "goods_used",
        "tags_intact",
    ]
    booleans += ["shelf_life_shown", "size_shown", "free_shipping", "freight_insurance", "collect_on_delivery"]
    booleans += ["refused_at_door", "manifest_ok", "weight_ok", "parcel_intact", "gift_returned", "invoice_issued"]
    lines = ["biscuit", "grain_powder", "snack", "apparel", "shoes", "leather", "laptop", "furniture", "other"]
    choices: dict[str, Any] = {
        "platform": dice.choice(["taobao", "tmall", "pdd", "jd", "douyin", "other"]),
        "shop_type": dice.choice(["c_shop", "mt", "mall"]),
        "shop_name": dice.choice(["麦香小铺", "天下第一饼"]),
        "product_name": dice.choice(["黑芝麻核桃粉", "全网最好的饼干"]),
        "product_line": dice.choice(lines),
        "order_status": dice.choice(["unpaid", "paid", "shipped", "signed", "completed"]),
        "package_count": dice.randint(1, 9),
        "affected_count": dice.randint(0, 9),
        "order_amount": f"{dice.randrange(0, 50_000) / 100:.2f}",
        "goods_value": f"{dice.randrange(0, 50_000) / 100:.2f}",
        "price_drop": f"{dice.randrange(0, 9_000) / 100:.2f}",
        "photo": dice.choice(["none", "provided", "refused"]),
        "damage_extent": dice.choice(["slight", "severe"]),
        "signed_by": dice.choice(["self", "proxy", "unclear"]),
        "material": dice.choice(["真皮", "运动鞋", "布", "西服", "夹克"]),
        "fault_part": dice.choice(["开胶", "断底", "一大一小", "拉链"]),
        "repair_count": dice.randint(0, 3),
        "carrier": dice.choice(["顺丰", "中通"]),
        "waybill": dice.choice(["SF1234567890", "13812345678"]),
        "days_since_signed": dice.randint(0, 120),
        "now": now,
    }
    choices |= {name: now - timedelta(hours=dice.randrange(2_000)) for name in times}
    choices |= {name: dice.random() < 0.5 for name in booleans}
    return {name: value for name, value in choices.items() if dice.random() < 0.5}


def random_prediction(dice: random.Random, taxonomy: Taxonomy) -> Prediction:
    codes = dice.sample([issue.code for issue in taxonomy.issues], len(taxonomy.issues))
    types = dice.sample([customer.code for customer in taxonomy.customers], len(taxonomy.customers))
    best = dice.choice([0.95, 0.6, 0.3])
    rest = (1 - best) / (len(codes) - 1)
    issues = (Scored(codes[0], best), *(Scored(code, rest) for code in codes[1:]))
    return Prediction(issues, tuple(Scored(code, 1 / len(types)) for code in types), (), ())


def test_ten_thousand_random_cases(playbook: Playbook, taxonomy: Taxonomy) -> None:
    dice = random.Random(20260304)
    adviser = Adviser(playbook, taxonomy, THRESHOLDS)
    for _ in range(CASES):
        prediction = random_prediction(dice, taxonomy)
        context = Context.model_validate(anything(dice))
        message = "，".join(dice.sample(WORDS, dice.randint(1, 3)))
        history = [Turn("buyer", "在吗"), Turn("agent", dice.choice(["亲，您好", "麻烦拍张照片", "给您补偿3元可以吗"]))]
        history = history[: dice.choice([0, 2])]
        answer = adviser.advise(prediction, message, history, context, 3).recommendation
        assert answer == adviser.advise(prediction, message, history, context, 3).recommendation
        assert 1 <= len(answer.replies) <= 3
        for reply in answer.replies:
            assert "{" not in reply.text
            assert "}" not in reply.text
            assert not playbook.compliance.check(reply.text), reply
            assert reply.why
        money = answer.compensation
        if money is None:
            continue
        assert (money.min is None) == (money.max is None)
        if money.min is not None and money.max is not None:
            low, high = Decimal(money.min), Decimal(money.max)
            assert 0 <= low <= high
            assert low.as_tuple().exponent == high.as_tuple().exponent == -2
            if money.remedy == "cash" and len(money.basis) == 1 and context.order_amount is not None:
                assert high <= context.order_amount
        assert money.basis
        assert all(basis.source for basis in money.basis)


def test_the_shipped_playbook_has_no_problem(playbook: Playbook, taxonomy: Taxonomy) -> None:
    assert list(problems(playbook, taxonomy)) == []
    for code in taxonomy.issue_by_code:
        stages = {template.stage for template in playbook.templates[code] if not template.customers}
        assert len(stages) >= 2, code


RULE = "rules:\n  - {id: x, source: s, "
TEMPLATE = "templates:\n  - {id: review.resolve.1, issues: review, stage: resolve, source: s, "


def own_folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return tmp_path


def test_a_shop_replaces_adds_and_switches_off(taxonomy: Taxonomy, tmp_path: Path) -> None:
    own = own_folder(
        tmp_path,
        remedies="""
disabled: [goodwill]
rules:
  - {id: bulging-keep, issues: bulging, when: {biscuit_like: true}, remedy: cash, amount: {fixed: 2}, source: 本店规定}
""",
        policy="approval_above: 1\nlike_biscuit: [biscuit, tea]\n",
        product_lines="product_lines:\n  - {id: tea, word: 茶叶, unit: 罐}\n",
        templates__own="""
templates:
  - {id: bulging.resolve.4, issues: bulging, stage: resolve, source: 本店,
     text: 涨袋的按本店规定给您补偿，货您留着，不用寄回来了，您看可以吗？}
""",
    )
    book = load_playbook(taxonomy, overrides=own)
    rule = next(rule for rule in book.remedies["bulging"].rules if rule.id == "bulging-keep")
    assert rule.source == "本店规定"
    assert not book.remedies["review"].rules
    assert book.policy.approval_above == 1
    assert book.policy.closes == read_playbook(taxonomy, PLAYBOOK).policy.closes
    assert book.product_lines["tea"].word == "茶叶"
    assert any("本店规定" in template.text for template in book.templates["bulging"])


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        ("remedies", RULE + "issues: nothing, remedy: none}\n", ["remedies.yaml:2", "没有问题类型 nothing"]),
        ("remedies", RULE + "issues: review, given: {mood: bad}, remedy: none}\n", ["没有事实 mood"]),
        ("remedies", RULE + "issues: review, remedy: bribe}\n", ["remedies.yaml:2", "bribe"]),
        ("remedies", RULE + "issues: review, remedy: none}\n", ["和 goodwill 分不出先后"]),
        ("remedies", "disabled: [nothing]\n", ["没有 nothing"]),
        ("policy", "opens: soon\n", ["policy.yaml:1", "opens"]),
        ("cues", "facts: 3\n", ["cues.yaml"]),
        ("remedy", "rules: []\n", ["不是话术与规则的文件"]),
        (
            "templates__x",
            TEMPLATE + "text: 亲，给我们写个五星好评，截图给我就返现三元哦，谢谢支持}\n",
            ["paid-review", "review.resolve.1", "x.yaml:2"],
        ),
        (
            "templates__x",
            TEMPLATE + "text: '{price}块钱给您补上，您看这样可以吗，谢谢您'}\n",
            ["没有空位 {price}"],
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_file_line_and_remedy(
    taxonomy: Taxonomy, tmp_path: Path, file: str, text: str, says: list[str]
) -> None:
    own = own_folder(tmp_path, **{file: text})
    with pytest.raises(InputError) as caught:
        load_playbook(taxonomy, overrides=own)
    for words in says:
        assert words in str(caught.value)


def test_ties_are_found_exhaustively_with_both_ids(taxonomy: Taxonomy, tmp_path: Path) -> None:
    own = own_folder(
        tmp_path,
        remedies="""
rules:
  - {id: tie-one, issues: invoice, given: {usable: true}, remedy: none, source: s}
  - {id: tie-two, issues: invoice, given: {goods_used: true}, remedy: none, source: s}
  - {id: tie-three, issues: invoice, given: {goods_used: false}, remedy: none, source: s}
""",
    )
    found = [str(problem) for problem in problems(read_playbook(taxonomy, overrides=own), taxonomy)]
    assert len(found) == 2
    assert any("tie-one" in line and "tie-two" in line for line in found)
    assert any("tie-one" in line and "tie-three" in line for line in found)


def test_an_issue_needs_a_reply_for_any_case(taxonomy: Taxonomy, tmp_path: Path) -> None:
    folder = tmp_path / "book"
    shutil.copytree(PLAYBOOK, folder)
    path = folder / "templates" / "other.yaml"
    path.write_text(
        path.read_text("utf-8").replace("issues: account\n", "issues: account\n    when: {photo: provided}\n"), "utf-8"
    )
    # Group templates for customer types remain, but nothing for everybody.
    with pytest.raises(InputError, match=r"account has no reply|出现了两次"):
        load_playbook(taxonomy, folder)


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        ("2026-03-04T10:30:00+08:00", "今天18:00前"),
        ("2026-03-04T16:00:00+08:00", "今天18:00前"),
        ("2026-03-04T16:01:00+08:00", "明天11:00前"),
        ("2026-03-04T23:30:00+08:00", "明天11:00前"),
        ("2026-03-04T03:00:00+08:00", "今天11:00前"),
        ("2026-03-04T02:30:00+00:00", "今天18:00前"),
    ],
)
def test_promises_keep_to_working_hours(playbook: Playbook, clock: str, words: str) -> None:
    assert OpeningHours(playbook.policy).at(datetime.fromisoformat(clock)).promise == words


@pytest.mark.parametrize(
    ("clock", "is_open", "promise"),
    [
        ("2026-03-04T08:59:59+08:00", False, "今天11:00前"),
        ("2026-03-04T09:00:00+08:00", True, "今天18:00前"),
        ("2026-03-04T17:59:59.999+08:00", True, "后天11:00前"),
        ("2026-03-04T10:00:00+00:00", False, "后天11:00前"),
        ("2026-03-05T09:00:00+08:00", False, "明天11:00前"),
    ],
)
def test_opening_hours_and_a_holiday(playbook: Playbook, clock: str, is_open: bool, promise: str) -> None:
    hours = OpeningHours(playbook.policy.model_copy(update={"holidays": frozenset({date(2026, 3, 5)})}))
    moment = hours.at(datetime.fromisoformat(clock))
    assert (moment.is_open, moment.promise) == (is_open, promise)


def test_ranking_learns_and_three_clicks_do_not_rule(playbook: Playbook, taxonomy: Taxonomy) -> None:
    adviser = Adviser(playbook, taxonomy, THRESHOLDS)
    issues = ("not_shipped", *(code for code in taxonomy.issue_by_code if code != "not_shipped"))
    prediction = Prediction(
        tuple(Scored(code, 0.9 if place == 0 else 0.1 / 38) for place, code in enumerate(issues)),
        tuple(Scored(code, 1 / 7) for code in taxonomy.customer_by_code),
        (),
        (),
    )
    plain = adviser.advise(prediction, "什么时候发货", top_k=3).recommendation.replies
    second = plain[1].template_id
    often = adviser.advise(
        prediction, "什么时候发货", top_k=3, record={second: Acceptance(shown=200, chosen=150, edited=20)}
    ).recommendation.replies
    assert often[0].template_id == second
    assert "采用记录：出现200次，原样用130次，改后用20次" in often[0].why
    changed, kept = Acceptance(shown=200, chosen=150, edited=150), Acceptance(shown=200, chosen=150)
    assert Acceptance(shown=200).rate < changed.rate < kept.rate
    few = adviser.advise(
        prediction, "什么时候发货", top_k=3, record={second: Acceptance(shown=3, chosen=3)}
    ).recommendation.replies
    assert few[0].score - plain[0].score < 0.05


def test_the_command_reports_every_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = shouhou("playbook", "check", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["problems"] == []
    own = own_folder(
        tmp_path,
        remedies="rules:\n  - {id: x, issues: review, remedy: none, source: s}\n",
        statutory="rules:\n  - {id: y, issues: invoice, given: {mood: bad}, note: 没有这样的事实, source: s}\n",
    )
    monkeypatch.setenv("SHOUHOU_PLAYBOOK_DIR", str(own))
    done = shouhou("playbook", "check", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)["problems"]
    assert {Path(problem["path"]).name for problem in found} == {"remedies.yaml", "statutory.yaml"}
    assert all(problem["line"] == 2 and problem["remedy"] for problem in found)
