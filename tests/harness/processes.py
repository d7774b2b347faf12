"""One operating-system process with its log, and waiting without sleeping blindly."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from typing_extensions import Self

ROOT = Path(__file__).resolve().parent.parent.parent
VENV_BIN = ROOT / "build" / "venv" / "bin"


def build_dir() -> Path:
    """Where the C++ programs are: Z4J_BUILD_DIR, or build/dev."""
    return Path(os.environ.get("Z4J_BUILD_DIR", ROOT / "build" / "dev")).resolve()


def wait_for(what: str, condition: Callable[[], object], timeout_s: float = 60.0) -> object:
    """Polls until `condition` returns something true, and returns it.

    Raises:
        TimeoutError: It did not within `timeout_s`; says `what` was awaited and the last error.
    """
    deadline = time.monotonic() + timeout_s
    last: Exception | None = None
    while time.monotonic() < deadline:
        try:
            if result := condition():
                return result
        except Exception as error:
            last = error
        time.sleep(0.02)
    raise TimeoutError(f"waited {timeout_s} s for {what}" + (f": {last!r}" if last else ""))


class Program:
    """A program that can be started, killed, frozen and started again with the same arguments."""

    def __init__(self, name: str, command: list[str], folder: Path, **env: str) -> None:
        self.name = name
        self.command = command
        self.folder = folder
        self.log_path = folder / f"{name}.log"
        self.env = {**os.environ, "PYTHONUNBUFFERED": "1", **env}
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def ready(self) -> bool:
        """Whether it can be used; subclasses ask the program itself."""
        return self.running()

    def launch(self) -> None:
        """Starts it without waiting: it needs others that start after it."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def await_ready(self, timeout_s: float = 60.0) -> None:
        """Waits until it is ready."""

        def up() -> bool:
            if not self.running():
                raise RuntimeError(f"{self.name} ended: {self.log()[-2000:]}")
            return self.ready()

        wait_for(f"{self.name} to be ready", up, timeout_s)

    def start(self, timeout_s: float = 60.0) -> None:
        """Starts it and waits until it is ready."""
        self.launch()
        self.await_ready(timeout_s)

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._process is not None
        return self._process.pid

    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """Of the process that was started last; None while it runs, -9 if it was killed."""
        return None if self._process is None else self._process.poll()

    def log(self) -> str:
        """All it has printed so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the process and its children."""
        if self._process is not None and self.running():
            os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """kill -9, as a crash would."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def stop(self, timeout_s: float = 20.0) -> int:
        """SIGTERM, and SIGKILL if it does not go; returns the exit code."""
        if self._process is None:
            return 0
        if self.running():
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        self.signal_leftovers()
        return int(self._process.wait())

    def signal_leftovers(self) -> None:
        """Kills what is left of the process group."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
