"""Writes what was found: one JSON object a line (docs/migrating/lines.md)."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, TextIO

from z4j_adapters.transfer.answers import CALENDAR_END_US, Answer
from z4j_adapters.transfer.ids import IdMaker
from z4j_adapters.transfer.model import Found, Note, Refused, Source, SourceError
from z4j_adapters.transfer.values import micros, timestamp
from z4j_adapters.transfer.zones import zone_rules

__all__ = ["CALENDAR_END_US", "LineWriter"]

PROGRESS_EVERY = 500  # Lines; about five a second at the slowest that we know.
RAW_CHARS_MAX = 4000  # As the scheduler's ImportSource has them.
KEY_CHARS_MAX = 1000
_SURROGATES = re.compile("[\ud800-\udfff]")


class LineWriter:
    """Lines of one import."""

    def __init__(self, out: TextIO, at: datetime) -> None:
        """`at`: from when on the rules of zones are told."""
        self._out = out
        self._at = at
        self._ids = IdMaker()
        self._first_of: dict[str, str] = {}
        self._source: dict[str, Any] = {}
        self._schedules = 0
        self._refused = 0
        self._zones: set[str] = set()

    def source(self, source: Source, *, tzdata: str, read_at: datetime) -> None:
        """The first line."""
        self._source = {
            "kind": source.kind,
            "version": source.version,
            "locator": source.locator[:KEY_CHARS_MAX],
        }
        self._write(
            "source",
            **self._source,
            libraries=dict(source.libraries),
            tzdata=tzdata,
            read_at=timestamp(read_at),
            **({} if source.ends is None else {"ends": timestamp(source.ends)}),
        )

    def entry(self, entry: Found | Refused, answer: Answer | None, total: int | None) -> None:
        """One definition, what its library says of it, and now and then how far we are."""
        if isinstance(entry, Found):
            self._schedules += 1
            self._found(entry, answer)
        else:
            self._refused += 1
            self._write(
                "refused",
                object=entry.object,
                code=entry.code,
                reason=entry.reason,
                remedy=entry.remedy,
                source=self._origin(entry.key, entry.raw),
            )
        done = self._schedules + self._refused
        if done % PROGRESS_EVERY == 0:
            self._write("progress", done=done, **({} if total is None else {"total": total}))
            self._out.flush()

    def end(self) -> None:
        """The last line of an import that went well."""
        self._write("end", schedules=self._schedules, refused=self._refused, zones=self._rules())
        self._out.flush()

    def error(self, error: SourceError) -> None:
        """The last line of one that did not."""
        self._write("error", code=error.code, message=error.message, remedy=error.remedy)
        self._out.flush()

    def _rules(self) -> dict[str, Any]:
        """What the zones of the schedules do, so that other data elsewhere are noticed."""
        told = {}
        for name in sorted(self._zones):
            if (found := zone_rules(name, self._at)) is not None:
                rules, until = found
                offsets = [[micros(at), int(offset.total_seconds())] for at, offset in rules]
                told[name] = {"offsets": offsets, "untilUs": micros(until)}
        return told

    def _found(self, found: Found, answer: Answer | None) -> None:
        if zone := found.schedule.get("timeZone"):
            self._zones.add(zone)
        line: dict[str, Any] = {
            "id": self._ids.make(found.key, found.member),
            "schedule": dict(found.schedule),
            "source": self._origin(found.key, found.raw),
            "exactness": found.exactness,
            "reasons": _notes(found.reasons),
            "warnings": _notes(found.warnings),
            "becomes": found.becomes,
        }
        if found.finished:
            line["finished"] = True
        if found.member is not None:
            line["group"] = self._first_of.setdefault(found.key, line["id"])
        if answer is not None and not answer.error:
            line["fires"] = answer.fires
        elif answer is not None:
            message = f"the library cannot say when it fires: {answer.error}"
            line["warnings"].append({"code": "NO_ORACLE", "message": message})
        self._write("schedule", **line)

    def _origin(self, key: str, raw: str) -> dict[str, Any]:
        cut = raw if len(raw) <= RAW_CHARS_MAX else raw[: RAW_CHARS_MAX - 1] + "…"
        return {**self._source, "key": key[:KEY_CHARS_MAX], "raw": cut}

    def _write(self, line: str, **fields: Any) -> None:
        text = json.dumps(
            {"type": line, **fields}, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        )
        self._out.write(_SURROGATES.sub("\ufffd", text) + "\n")


def _notes(notes: tuple[Note, ...]) -> list[dict[str, str]]:
    return [{"code": note.code, "message": note.message} for note in notes]
