"""Which rules and templates the scenarios reach: `python -m tests.coverage_report`."""

from __future__ import annotations

from dataclasses import dataclass

from model.playbook.book import Playbook
from model.playbook.loading import load_playbook
from model.taxonomy import Taxonomy, load_taxonomy
from tests.scenario import load_scenarios


@dataclass(frozen=True)
class Coverage:
    """Ids that some scenario reaches, and those that none does.

    `templates` counts a template that is offered: it fits, renders, passes compliance and stands in the ranked list.
    `first_ten` counts those that stand among the first ten of some scenario.
    """

    scenarios: int
    rules: set[str]
    templates: set[str]
    first_ten: set[str]
    missing_rules: list[str]
    missing_templates: list[str]


def measure(playbook: Playbook, taxonomy: Taxonomy) -> Coverage:
    """Run all scenarios that state their issue."""
    scenarios, compliance = load_scenarios()
    rules: set[str] = {case.breaks for case in compliance if case.breaks}
    templates: set[str] = set()
    first_ten: set[str] = set()
    for scenario in scenarios:
        if scenario.issue is None:
            continue
        advice = scenario.advise(playbook, taxonomy)
        rules.update(advice.rules)
        offered = [reply.template_id for reply in advice.recommendation.replies]
        templates.update(offered)
        first_ten.update(offered[:10])
    all_rules = [item.entry.id for placed in playbook.sources.rules.values() for item in placed]
    all_rules += [item.entry.id for item in playbook.sources.compliance]
    all_templates = [item.entry.id for item in playbook.sources.templates]
    return Coverage(
        scenarios=len(scenarios) + len(compliance),
        rules=rules,
        templates=templates,
        first_ten=first_ten,
        missing_rules=[name for name in all_rules if name not in rules],
        missing_templates=[name for name in all_templates if name not in templates],
    )


def main() -> None:
    """Print the report."""
    taxonomy = load_taxonomy()
    playbook = load_playbook(taxonomy)
    coverage = measure(playbook, taxonomy)
    print(f"scenarios {coverage.scenarios}")
    print(f"rules reached {len(coverage.rules)}, missing {coverage.missing_rules}")
    print(f"templates offered {len(coverage.templates)} of {len(playbook.sources.templates)}")
    print(f"templates among the first ten {len(coverage.first_ten)}; never offered {coverage.missing_templates}")


if __name__ == "__main__":
    main()
