"""Load the playbook: read it, check it, and only then give it out."""

from __future__ import annotations

from pathlib import Path

from model.paths import PLAYBOOK
from model.playbook.book import Playbook, read_playbook
from model.playbook.check import problems
from model.taxonomy import Taxonomy


def load_playbook(taxonomy: Taxonomy, folder: Path = PLAYBOOK, overrides: Path | None = None) -> Playbook:
    """Read and check the playbook; a shop's own folder (by default `SHOUHOU_PLAYBOOK_DIR`) replaces entries by id.

    Raises:
        InputError: a file is missing or wrong: says file, line, entry and remedy. Nothing is half-loaded.
    """
    playbook = read_playbook(taxonomy, folder, overrides)
    for problem in problems(playbook, taxonomy):
        raise problem
    return playbook
