"""Writes what became of an export: one JSON object a line (docs/migrating/lines.md)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TextIO

from z4j_adapters.transfer.exporting.model import NotHeld, Target, Written
from z4j_adapters.transfer.model import Note, SourceError
from z4j_adapters.transfer.values import timestamp

__all__ = ["ExportLines"]


class ExportLines:
    """Lines of one export."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._exported = 0
        self._refused = 0

    def target(self, target: Target, tzdata: str, zone: str | None = None) -> None:
        """The first line; `zone` if it was taken for all crons, without being given."""
        self._write(
            "target",
            kind=target.kind,
            version=target.version,
            libraries=dict(target.libraries),
            tzdata=tzdata,
            **({} if zone is None else {"zone": zone}),
            **({} if target.ends is None else {"ends": timestamp(target.ends)}),
        )

    def progress(self, done: int, total: int | None = None) -> None:
        """Now and then."""
        self._write("progress", done=done, **({} if total is None else {"total": total}))
        self._out.flush()

    def exported(
        self, one: Written, notes: Sequence[Note], fires: Sequence[Sequence[int]] | None
    ) -> None:
        """A schedule that was written; `fires` as the library has them, for each of `after`."""
        self._exported += 1
        self._write(
            "exported",
            id=one.wanted.id,
            keys=list(one.keys),
            becomes=one.becomes,
            notes=[{"code": note.code, "message": note.message} for note in notes],
            **({} if fires is None else {"fires": [list(times) for times in fires]}),
        )

    def refused(self, schedule: str, why: NotHeld) -> None:
        """A schedule that was not."""
        self._refused += 1
        self._write("refused", id=schedule, code=why.code, reason=why.reason, remedy=why.remedy)

    def end(self) -> None:
        """The last line of an export that went well."""
        self._write("end", exported=self._exported, refused=self._refused)
        self._out.flush()

    def error(self, error: SourceError) -> None:
        """The last line of one that did not."""
        self._write("error", code=error.code, message=error.message, remedy=error.remedy)
        self._out.flush()

    def _write(self, line: str, **fields: Any) -> None:
        text = json.dumps({"type": line, **fields}, separators=(",", ":"), allow_nan=False)
        self._out.write(text + "\n")
