"""The labels as a person looks for them: by name, by what belongs there, by pinyin."""

from __future__ import annotations

from dataclasses import dataclass

from pypinyin import lazy_pinyin

from model.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class IssueName:
    """An issue to look for.

    Attributes:
        syllables: the name's pinyin without tones, as people type it, a syllable each: 绿色 is ("lv", "se").
    """

    code: str
    name: str
    group: str
    definition: str
    syllables: tuple[str, ...]


def issue_names(taxonomy: Taxonomy) -> list[IssueName]:
    """All issues in the taxonomy's order."""
    groups = {group.code: group.name for group in taxonomy.groups}
    return [
        IssueName(issue.code, issue.name, groups[issue.group], issue.definition, _syllables(issue.name))
        for issue in taxonomy.issues
    ]


def _syllables(name: str) -> tuple[str, ...]:
    return tuple(syllable.lower() for syllable in lazy_pinyin(name))
