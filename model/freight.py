"""Who pays the freight, leg by leg."""

from __future__ import annotations

from model.playbook.book import Playbook
from model.playbook.conditions import Facts
from model.playbook.kinds import FreightRule
from model.playbook.rules import Resolution
from model.recommendation import Basis, Freight


def settle_freight(playbook: Playbook, issue: str, facts: Facts) -> tuple[Freight | None, Resolution[FreightRule]]:
    """The freight, None where no rule applies, with the resolution behind it.

    A leg is given only where all rules that may apply agree on it.
    """
    resolution = playbook.freight[issue].resolve(facts)
    if not resolution.winners:
        return None, resolution
    outbound = {rule.outbound for rule in resolution.winners}
    returned = {rule.return_ for rule in resolution.winners}
    return (
        Freight(
            outbound=outbound.pop() if len(outbound) == 1 and resolution.certain else None,
            return_=returned.pop() if len(returned) == 1 and resolution.certain else None,
            basis=[Basis(rule.id, rule.source) for rule in resolution.winners],
        ),
        resolution,
    )
