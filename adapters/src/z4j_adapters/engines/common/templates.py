"""What an engine made of templates, kept: most of a message is the same for all of its fires."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import TaskTemplate

__all__ = ["EnvelopeCache", "call_of"]

ENVELOPES_BYTES_MAX = 256 * 1024 * 1024  # ~120,000 of Celery's usual size.
REFUSAL_BYTES = 1000


class Sized(Protocol):
    """An envelope."""

    @property
    def size_bytes(self) -> int:
        """Memory it takes, roughly."""


E = TypeVar("E", bound=Sized)


class EnvelopeCache(Generic[E]):
    """Keeps what `build` made of templates, or why it refused.  One thread only."""

    def __init__(self, build: Callable[[TaskTemplate], E]) -> None:
        self._build = build
        self._known: OrderedDict[int, tuple[TaskTemplate, E | TaskRejected]] = OrderedDict()
        self._size_bytes = 0

    def get(self, template: TaskTemplate) -> E:
        """Return the template's envelope.

        Raises:
            TaskRejected: The engine can never take it as it is.
        """
        known = self._known.get(template.id)
        # The id alone would do on one stream; two nodes may use one id for different templates.
        if known is None or (known[0] is not template and known[0] != template):
            try:
                built: E | TaskRejected = self._build(template)
            except TaskRejected as refusal:
                built = refusal
            if known is not None:
                self._size_bytes -= _size_bytes(known[1])
            known = self._known[template.id] = (template, built)
            self._size_bytes += _size_bytes(built)
            while self._size_bytes > ENVELOPES_BYTES_MAX and len(self._known) > 1:
                self._size_bytes -= _size_bytes(self._known.popitem(last=False)[1][1])
        if isinstance(known[1], TaskRejected):
            raise known[1]
        return known[1]


def _size_bytes(built: Sized | TaskRejected) -> int:
    return REFUSAL_BYTES if isinstance(built, TaskRejected) else built.size_bytes


def call_of(template: TaskTemplate) -> tuple[list[Any], dict[str, Any]]:
    """Read a template's positional and keyword arguments.

    Raises:
        TaskRejected: They are no JSON array and object.
    """
    return _json("args", template.args_json, list), _json("kwargs", template.kwargs_json, dict)


def _json(field: str, text: str, kind: type) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise TaskRejected(f"{field} is no JSON: {error}") from None
    if not isinstance(value, kind):
        raise TaskRejected(f"{field} must be a JSON {'array' if kind is list else 'object'}")
    return value
