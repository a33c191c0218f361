"""Time of everything but the classification: `python -m tests.timing`."""

from __future__ import annotations

import timeit
from functools import partial

from model.adviser import Adviser
from model.context import Context
from model.playbook.loading import load_playbook
from model.taxonomy import load_taxonomy
from tests.scenario import THRESHOLDS, load_scenarios

REPEATS = 200


def main() -> None:
    """Print microseconds per call: the median of all scenarios, and the slowest."""
    taxonomy = load_taxonomy()
    adviser = Adviser(load_playbook(taxonomy), taxonomy, THRESHOLDS)
    times = []
    for scenario in load_scenarios()[0]:
        if scenario.issue is None:
            continue
        prediction, context = scenario.prediction(taxonomy), Context.model_validate(scenario.context)
        call = partial(adviser.advise, prediction, scenario.message, scenario.turns, context, 3, now=scenario.now)
        call()
        seconds = timeit.timeit(call, number=REPEATS)
        times.append((seconds / REPEATS * 1e6, scenario.name))
    times.sort()
    median, (slowest, name) = times[len(times) // 2][0], times[-1]
    print(f"{len(times)} scenarios, median {median:.0f} us, slowest {slowest:.0f} us: {name}")


if __name__ == "__main__":
    main()
