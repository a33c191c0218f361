"""What Prometheus sees. With several workers the counts of all are added up (prometheus_client's multiprocess mode)."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import REGISTRY as PROCESS_REGISTRY
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own name; `shouhou serve --workers` sets it.

REQUESTS = Counter("shouhou_requests_total", "Requests answered", ["method", "route", "status"])
DURATION = Histogram(
    "shouhou_request_seconds",
    "Time from the request's start to its last byte",
    ["method", "route"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
ISSUES = Counter("shouhou_issues_total", "Recommendations by issue type", ["issue"])
REVIEWS = Counter("shouhou_reviews_total", "Recommendations that a person must decide (abstentions included)")
CONFIDENCE = Histogram(
    "shouhou_issue_confidence",
    "Confidence in the issue type",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0),
)
FEEDBACK = Counter("shouhou_feedback_total", "Feedback taken, by outcome", ["outcome"])
RECORDED = Counter("shouhou_recorded_total", "Recommendations written to the store")
UNRECORDED = Counter("shouhou_unrecorded_total", "Recommendations answered but not kept: store full, dead or too slow")
STORE_COMMIT_SECONDS = Histogram("shouhou_store_commit_seconds", "Time to write one batch of recommendations")
STORE_QUEUE = Gauge("shouhou_store_queue", "Recommendations waiting to be written", multiprocess_mode="livesum")
MODEL = Gauge("shouhou_model_workers", "Workers that serve the version", ["version"], multiprocess_mode="livesum")
DRIFT = Gauge(
    "shouhou_drift_psi",
    "Population stability index of recent messages against the training data; from 0.25 new labels are due",
    ["measure"],
    multiprocess_mode="livemostrecent",
)
DRIFT_MESSAGES = Gauge(
    "shouhou_drift_messages", "Recent messages that the drift was measured on", multiprocess_mode="livemostrecent"
)
TIME_TO_LABEL = Gauge("shouhou_time_to_label", "1 when new labels are due", multiprocess_mode="livemostrecent")
RELOAD_FAILURES = Counter("shouhou_model_reload_failures_total", "Promoted versions that could not be loaded")
CHATWOOT_EVENTS = Counter("shouhou_chatwoot_events_total", "Signed webhook events, by what came of them", ["outcome"])
CHATWOOT_ATTEMPTS = Counter("shouhou_chatwoot_attempts_total", "Attempts to write into Chatwoot, by end", ["outcome"])
CHATWOOT_WAITING = Gauge(
    "shouhou_chatwoot_waiting", "Deliveries to Chatwoot that wait in the store", multiprocess_mode="livemax"
)


def exposition() -> bytes:
    """All metrics as Prometheus' text format."""
    folder = os.environ.get(METRICS_FOLDER)
    if folder is None:
        return generate_latest(PROCESS_REGISTRY)
    for process_id in _dead_workers(Path(folder)):
        mark_process_dead(process_id)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def _dead_workers(folder: Path) -> set[int]:
    """Workers that were killed and could not sign off."""
    workers = {int(file.stem.rsplit("_", 1)[1]) for file in folder.glob("gauge_live*.db")}
    return {worker for worker in workers if not Path(f"/proc/{worker}").exists()}
