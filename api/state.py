"""What a running service holds: the recommender and the manifest of its model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from model.paths import artifacts_dir
from model.playbook.loading import load_playbook
from model.recommender import Recommender
from model.registry import Manifest, load


@dataclass(frozen=True)
class ModelState:
    """The model in use; replaced as a whole, so that no answer mixes two versions."""

    recommender: Recommender
    manifest: Manifest


def load_state() -> ModelState:
    """Load the current model version and the playbook.

    Raises:
        InputError: there is none, or it is broken.
    """
    classifier, manifest = load(artifacts_dir())
    return ModelState(Recommender(classifier, load_playbook(classifier.taxonomy)), manifest)


def _state(request: Request) -> ModelState:
    state: ModelState = request.app.state.model
    return state


ModelDep = Annotated[ModelState, Depends(_state)]
