"""Ids of schedules, made of the names that they have elsewhere."""

from __future__ import annotations

import hashlib
import re

__all__ = ["IdMaker", "id_of"]

ID_CHARS_MAX = 200  # As the scheduler has it.
HASH_CHARS = 10
_ALLOWED = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-_.:]*")
_OTHERS = re.compile(r"[^A-Za-z0-9\-_.:]+")


def id_of(key: str) -> str:
    """The id of what is called `key` elsewhere; the same one whenever it is asked for.

    A key that is an id stays.  In any other, what is not allowed becomes "-" and a hash of the
    whole key follows, so that two keys never become one id.
    """
    if len(key) <= ID_CHARS_MAX and _ALLOWED.fullmatch(key):
        return key
    base = _OTHERS.sub("-", key).strip("-_.:")[: ID_CHARS_MAX - HASH_CHARS - 1].rstrip("-_.:")
    return f"{base or 'x'}-{_hash(key)}"


class IdMaker:
    """Ids of one import, each given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def make(self, key: str, member: int | None = None) -> str:
        """The id of `key`; its second and further members have "-2" and so on behind it.

        If another key was given this id before, a hash follows.
        """
        name = id_of(key)
        if member is not None and member > 1:
            tail = f"-{member}"
            name = name[: ID_CHARS_MAX - len(tail)] + tail
        again = 0
        made = name
        while made in self._given:
            tail = f"-{_hash(f'{key} {member} {again}')}"
            made = name[: ID_CHARS_MAX - len(tail)] + tail
            again += 1
        self._given.add(made)
        return made


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_CHARS]
