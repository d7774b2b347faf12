"""Keeps what other people's modules do at import from our output and our exit code."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TextIO, TypeVar

from z4j_adapters.transfer.model import SourceError

__all__ = ["foreign", "leave", "own_stdout"]

T = TypeVar("T")


@contextlib.contextmanager
def own_stdout() -> Iterator[TextIO]:
    """Give a file that writes to standard output; all else that is written there meanwhile, also by
    C code and by child processes, goes to standard error."""
    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    stdout = sys.stdout
    sys.stdout = sys.stderr
    out = os.fdopen(os.dup(saved), "w", encoding="utf-8", newline="\n")
    try:
        yield out
    finally:
        with contextlib.suppress(BrokenPipeError):  # Whoever read us has gone.
            out.close()
        sys.stdout = stdout
        os.dup2(saved, 1)
        os.close(saved)


def foreign(what: str, run: Callable[[], T], *, remedy: str = "") -> T:
    """Run code of others, such as the import of their module.

    Raises:
        SourceError: IMPORT_FAILED, whatever it raised; sys.exit is an error like any other.
    """
    try:
        return run()
    except SourceError:
        raise
    except SystemExit as error:
        message = f"{what}: it ends the process (sys.exit({error.code!r})) instead of loading"
        raise SourceError("IMPORT_FAILED", message, remedy) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        message = f"{what}: {type(error).__name__}: {error}"
        raise SourceError("IMPORT_FAILED", message, remedy) from error


def leave(code: int) -> None:
    """End the process at once if threads that other people's modules started would keep it."""
    kept = [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not thread.daemon
    ]
    if kept:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
