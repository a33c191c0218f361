"""When Python looks for objects that only refer to each other.

Recommendations leave none, feedback leaves some. What all leave are entries of caches, a hundred thousand objects, and
to look through them took 10 to 60 ms every few seconds: the longest waits of all at half load.
"""

from __future__ import annotations

import gc

COLLECT_SECONDS = 60.0
YOUNG_OBJECTS = 200_000  # Should something make garbage all the same, it is found after so many; some 40 MB.


def set_loaded_aside() -> None:
    """Keep what stays (model, playbook, libraries) out of the collections to come; walking it takes 0.1 s."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)


def collect() -> None:
    """Look through everything that came since."""
    gc.collect()
