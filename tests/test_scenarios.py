"""Every scenario holds, and together they reach every rule and template."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from model.context import Context
from model.playbook.book import Playbook
from model.recommendation import Recommendation
from model.recommender import Recommender
from model.taxonomy import Taxonomy
from tests.coverage_report import measure
from tests.scenario import ComplianceCase, Scenario, differences, load_scenarios

SCENARIOS, COMPLIANCE = load_scenarios()
STATED = [scenario for scenario in SCENARIOS if scenario.issue is not None]
CLASSIFIED = [scenario for scenario in SCENARIOS if scenario.issue is None]


def assert_holds(scenario: Scenario, answer: Recommendation, rules: Sequence[str]) -> None:
    wrong = differences(scenario, answer, rules)
    if wrong:
        pytest.fail(f"{scenario.name}: " + "; ".join(wrong), pytrace=False)


def test_there_are_enough_and_no_name_stands_twice() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) >= 150
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("scenario", STATED, ids=lambda scenario: scenario.name)
def test_scenario(playbook: Playbook, taxonomy: Taxonomy, scenario: Scenario) -> None:
    advice = scenario.advise(playbook, taxonomy)
    assert_holds(scenario, advice.recommendation, advice.rules)


@pytest.mark.parametrize("scenario", CLASSIFIED, ids=lambda scenario: scenario.name)
def test_scenario_through_the_classifier(recommender: Recommender, scenario: Scenario) -> None:
    context = Context.model_validate(scenario.context)
    answer = recommender.recommend(scenario.message, scenario.turns, context, now=scenario.now)
    shown = [part for part in (answer.compensation, answer.freight) if part is not None]
    assert_holds(scenario, answer, [basis.rule for part in shown for basis in part.basis])


@pytest.mark.parametrize("case", COMPLIANCE, ids=lambda case: case.reply[:20])
def test_compliance(playbook: Playbook, case: ComplianceCase) -> None:
    broken = {violation.rule for violation in playbook.compliance.check(case.reply)}
    assert broken == set() if case.breaks is None else case.breaks in broken


def test_every_rule_and_template_is_reached(playbook: Playbook, taxonomy: Taxonomy) -> None:
    coverage = measure(playbook, taxonomy)
    assert coverage.missing_rules == []
    assert coverage.missing_templates == []
