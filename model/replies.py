"""The replies of a case: ranked, rendered, checked, without repeats."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from rapidfuzz import fuzz

from model.playbook.book import Playbook
from model.ranking import Ranked
from model.recommendation import Reply, rounded

logger = logging.getLogger(__name__)
# Texts of which more than this share of characters agree say the same thing.
NEARLY_THE_SAME = 70.0


def render_replies(
    playbook: Playbook,
    candidates: Iterable[Ranked],
    slots: Mapping[str, str],
    said: Sequence[str],
    probability: float,
    top_k: int,
) -> list[Reply]:
    """The best candidates as they would be sent: none breaks a rule, repeats another, or was said before.

    When everything fitting has been said, the best is given again: there is always a reply.
    """
    replies: list[Reply] = []
    repeated: list[Reply] = []
    for entry in candidates:
        template = entry.template
        text = template.text.format_map(slots) if template.slots else template.text
        if any(_are_near(text, other.text) for other in replies):
            continue
        score = rounded(entry.score * (0.5 + 0.5 * probability))
        reply = Reply(template.id, text, str(template.stage), score, list(entry.why))
        if any(_are_near(text, line) for line in said):
            repeated.append(reply)
            continue
        # Templates are checked when they are loaded; here it is what the slots brought in.
        if template.slots and (violations := playbook.compliance.check(text)):
            logger.warning("reply %s dropped: breaks %s", template.id, violations[0].rule)
            continue
        replies.append(reply)
        if len(replies) == top_k:
            break
    return replies or repeated[:1]


def _are_near(one: str, other: str) -> bool:
    return fuzz.ratio(one, other, score_cutoff=NEARLY_THE_SAME) > 0
