"""What RQ's `enqueue` keeps for itself of the keywords that it is given."""

from __future__ import annotations

__all__ = ["RQ_KEYWORDS"]

RQ_KEYWORDS = frozenset(
    (
        *("args", "kwargs", "job_timeout", "timeout", "result_ttl", "ttl", "failure_ttl", "meta"),
        *("description", "depends_on", "job_id", "at_front", "retry", "repeat", "webhooks"),
        *("on_success", "on_failure", "on_stopped", "pipeline", "serializer", "unique"),
    )
)
"""All others are those of the function."""
