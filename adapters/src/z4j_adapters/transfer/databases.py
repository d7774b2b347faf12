"""SQL databases of others, opened so that nothing can be written."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from z4j_adapters.transfer.model import SourceError
from z4j_adapters.transfer.values import redact

__all__ = ["Database", "open_database", "quoted"]

_DRIVER = re.compile(r"^(postgresql|postgres|sqlite)(?:\+\w+)?:")
ROWS_AT_ONCE = 500


class Database(Protocol):
    """A read-only connection."""

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Run a query with ? for parameters; all queries see the same moment."""

    def columns(self, table: str) -> set[str]:
        """The columns of a table, with its schema in front if it has one; empty: no such table."""

    def close(self) -> None:
        """Close it."""


def quoted(name: str) -> str:
    """A table's name for a query, with its schema if it has one.

    Raises:
        SourceError: It is none.
    """
    if not re.fullmatch(r"\w+(\.\w+)?", name):
        raise SourceError("WRONG_USAGE", f"{name!r} is no table's name such as apscheduler_jobs")
    return ".".join(f'"{part}"' for part in name.split("."))


def open_database(url: str) -> Database:
    """Open sqlite:///FILE or postgresql://…, also as SQLAlchemy writes them.

    Raises:
        SourceError: It cannot be opened.
        ImportError: psycopg is missing.
    """
    plain = _DRIVER.sub(lambda match: f"{match[1]}:", url)
    if plain.startswith("sqlite:///"):
        return _Sqlite(unquote(plain.removeprefix("sqlite:///").partition("?")[0]))
    if plain.startswith(("postgresql:", "postgres:")):
        return _Postgres(plain)
    raise SourceError(
        "WRONG_USAGE",
        f"{redact(url)} is no database that is read here",
        "give sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE",
    )


class _Sqlite:
    def __init__(self, name: str) -> None:
        import sqlite3

        path = Path(name)
        if not path.is_file():
            raise SourceError("NO_SOURCE", f"{path} is no file", "sqlite:////absolute/path has 4 /")
        self._error = sqlite3.Error
        try:
            self._connection = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None
            )
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise SourceError("NO_SOURCE", f"{path} cannot be read: {error}") from None

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(query, parameters)
        except self._error as error:
            raise SourceError("READ_FAILED", f"the database says: {error}") from None

    def columns(self, table: str) -> set[str]:
        name = table.rpartition(".")[2]
        return {row[0] for row in self.rows("SELECT name FROM pragma_table_info(?)", (name,))}

    def close(self) -> None:
        self._connection.close()


class _Postgres:
    def __init__(self, url: str) -> None:
        import psycopg  # type: ignore[import-not-found, unused-ignore]

        self._error = psycopg.Error
        try:
            self._connection = psycopg.connect(url, connect_timeout=10)
            self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            self._connection.read_only = True
        except (psycopg.Error, UnicodeError) as error:
            raise SourceError("NO_SOURCE", f"{redact(url)}: {str(error).strip()}") from None

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        try:
            with self._connection.cursor(name="z4j_import") as cursor:
                cursor.execute(query.replace("?", "%s"), parameters)
                while found := cursor.fetchmany(ROWS_AT_ONCE):
                    yield from found
        except self._error as error:
            raise SourceError("READ_FAILED", f"the database says: {str(error).strip()}") from None

    def columns(self, table: str) -> set[str]:
        schema, _, name = table.rpartition(".")
        query = (
            "SELECT column_name FROM information_schema.columns WHERE table_name = ? "
            "AND table_schema = coalesce(nullif(?, ''), current_schema())"
        )
        return {row[0] for row in self.rows(query, (name, schema))}

    def close(self) -> None:
        with contextlib.suppress(self._error):
            self._connection.rollback()
        self._connection.close()
