"""Engine options of a schedule."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from z4j_adapters._errors import TaskRejected
from z4j_adapters._models import EngineOption

__all__ = ["read_options"]

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


def read_options(
    engine: str, known: Sequence[EngineOption], texts: Mapping[str, str]
) -> dict[str, Any]:
    """Read a schedule's engine options from JSON.

    Raises:
        TaskRejected: One is unknown or of another type; names it.
    """
    by_name = {option.name: option for option in known}
    values = {}
    for name, text in texts.items():
        option = by_name.get(name)
        if option is None:
            raise TaskRejected(
                f"engine option {name!r} is unknown to {engine}; "
                f"known: {', '.join(sorted(by_name))}"
            )
        try:
            value = json.loads(text)
        except ValueError:
            raise TaskRejected(f"engine option {name!r} is no JSON: {text[:100]}") from None
        is_bool = isinstance(value, bool)  # A bool is an int to Python, not to JSON.
        if not isinstance(value, _TYPES[option.type]) or is_bool != (option.type == "boolean"):
            raise TaskRejected(f"engine option {name!r} must be a JSON {option.type}: {text[:100]}")
        values[name] = value
    return values
