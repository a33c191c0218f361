"""Where the conversation stands."""

from __future__ import annotations

from model.playbook.book import Playbook
from model.playbook.conditions import Facts
from model.playbook.kinds import StageRule


def infer_stage(playbook: Playbook, issue: str, facts: Facts) -> StageRule:
    """The rule that names the stage of the next reply. One always applies: the shipped `stage-resolve`."""
    return playbook.stages[issue].resolve(facts).winners[0]
