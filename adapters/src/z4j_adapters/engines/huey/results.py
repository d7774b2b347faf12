"""Reads what Huey stored, without running what a pickle may name."""

from __future__ import annotations

import copy
import io
import pickle
import re
from typing import Any

from huey.registry import Message
from huey.serializer import Serializer, SignedSerializer
from huey.utils import Error

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.huey.marks import is_fire

__all__ = ["StoredReader"]

ERROR_CHARS_MAX = 2000

_FIRE_ID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


class _Raw(Serializer):  # type: ignore[misc]
    """Unpacks and leaves the pickle as it is."""

    def _deserialize(self, data: bytes) -> bytes:
        return data


class _RawSigned(SignedSerializer):  # type: ignore[misc]
    """Unpacks, checks the signature, and leaves the pickle as it is."""

    def _deserialize(self, data: bytes) -> bytes:
        return bytes(self._unsign(data))


class StoredReader:
    """For the serializer of one Huey instance."""

    def __init__(self, serializer: Any) -> None:
        self._serializer = serializer
        self._raw: Any = None
        if type(serializer) in (Serializer, SignedSerializer):
            self._raw = copy.copy(serializer)
            self._raw.__class__ = _Raw if type(serializer) is Serializer else _RawSigned

    def end(self, data: bytes) -> tuple[OutcomeState, str] | None:
        """Read a stored result as an end and its error; None: it is none, or cannot be read."""
        try:
            value = self._value(data)
        except Exception:
            return None  # Signed with another secret, say.
        if not isinstance(value, Error):
            return OutcomeState.SUCCEEDED, ""
        stored = value.metadata if isinstance(value.metadata, dict) else {}
        if stored.get("retries"):
            return None  # It runs again: Huey stores the errors of all attempts.
        text = str(stored.get("error", ""))[:ERROR_CHARS_MAX]
        cancelled = text.startswith("CancelExecution(")
        return OutcomeState.CANCELLED if cancelled else OutcomeState.FAILED, text

    def fire_of(self, message: bytes) -> str | None:
        """Find the id of a queued message; None if it is no fire's, or cannot be read."""
        try:
            fire_id = str(self._message(bytes(message)).id)
        except Exception:
            return None
        return fire_id if is_fire(fire_id) else None

    def _message(self, message: bytes) -> Any:
        if self._raw is None:
            return self._serializer.deserialize(message)
        raw = self._raw.deserialize(message)
        if not _FIRE_ID.search(raw):
            raise ValueError("another's")  # Spares the reading of it.
        return _Unpickler(io.BytesIO(raw)).load()

    def _value(self, data: bytes) -> Any:
        if self._raw is None:
            return self._serializer.deserialize(data)
        raw = self._raw.deserialize(bytes(data))
        if b"huey.utils" not in raw:
            return None
        try:
            return _Unpickler(io.BytesIO(raw)).load()
        except Exception:
            return None  # Huey's own errors can be read.


class _Inert:
    """Stands for whatever else a pickle names."""

    def __new__(cls, *_: Any, **__: Any) -> _Inert:
        return object.__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass

    def __setitem__(self, _: Any, __: Any) -> None:
        pass

    append = extend = add = __setstate__


_READ = {("huey.utils", "Error"): Error, ("huey.registry", "Message"): Message}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _READ.get((module, name), _Inert)
