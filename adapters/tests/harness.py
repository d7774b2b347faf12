"""Private servers and workers for tests; nothing here sleeps where it can wait for a condition."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from ports import free_port
from z4j_adapters import EngineAdapter, Fire, ResultCode

TESTS = Path(__file__).resolve().parent
# Debian's /usr/sbin wrapper insists on the system's user and folders; this is what it calls.
RABBIT_SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def wait_for(what: str, condition: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """Polls until `condition` is true; TimeoutError says what was awaited."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.02)
    raise TimeoutError(f"waited {timeout_s} s for {what}")


async def eventually(what: str, condition: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """As wait_for, in an event loop."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if result := condition():
            return result
        await asyncio.sleep(0.02)
    raise TimeoutError(f"waited {timeout_s} s for {what}")


async def assert_frozen_redis_is_unavailable(
    engine: EngineAdapter, server: RedisServer, fire: Fire
) -> None:
    """Hands `fire` over to a Redis that stands still: the loop runs on, the answer says so."""
    assert server.child
    server.child.send_signal(signal.SIGSTOP)
    try:
        handing_over = asyncio.ensure_future(engine.dispatch([fire]))
        longest, last = 0.0, time.monotonic()
        while not handing_over.done():
            await asyncio.sleep(0.005)
            longest, last = max(longest, time.monotonic() - last), time.monotonic()
        assert (await handing_over)[0].code is ResultCode.UNAVAILABLE
        assert longest < 0.25
    finally:
        server.child.send_signal(signal.SIGCONT)
    await eventually("recovery", lambda: engine.health() == "")


class Process:
    """A program in a session of its own, with its log."""

    def __init__(self, command: list[str], folder: Path, name: str, **env: str) -> None:
        self.command, self.folder, self.env = command, folder, {**os.environ, **env}
        self.log_path = folder / f"{name}.log"
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it."""
        with self.log_path.open("ab") as log:
            self.child = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def log(self) -> str:
        """What it printed."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 10.0) -> int:
        """Signals it and waits; then kills what is left of its session."""
        if self.child is None:
            return 0
        if self.child.poll() is None:
            self.child.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout_s)
        with contextlib.suppress(ProcessLookupError):  # A worker that was killed has children.
            os.killpg(self.child.pid, signal.SIGKILL)
        return self.child.wait(timeout_s)


class RedisServer(Process):
    """redis-server; `durable` keeps every acknowledged write through a kill."""

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        binary = shutil.which("redis-server")
        assert binary, "redis-server is not installed"
        command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        if durable:
            command += ["--appendonly", "yes", "--appendfsync", "always"]
        super().__init__(command, folder, "redis")

    def start(self) -> None:
        super().start()
        wait_for("redis", self._answers)

    def client(self) -> Any:
        """A new client, of bytes."""
        return redis.Redis(port=self.port)

    def _answers(self) -> bool:
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False


class RabbitServer(Process):
    """A RabbitMQ node with its own name, ports, data and port mapper."""

    def __init__(self, folder: Path) -> None:
        self.port, self.epmd_port = free_port(), free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"
        super().__init__(
            [str(RABBIT_SERVER)],
            folder,
            "rabbit",
            HOME=str(folder),
            ERL_EPMD_PORT=str(self.epmd_port),
            RABBITMQ_NODENAME=f"z4j{self.port}@localhost",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_DIST_PORT=str(free_port()),
            RABBITMQ_MNESIA_BASE=str(folder / "mnesia"),
            RABBITMQ_LOG_BASE=str(folder / "log"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"),
            RABBITMQ_CONFIG_FILE=str(folder / "none"),
            RABBITMQ_CONF_ENV_FILE=str(folder / "none"),
            RABBITMQ_PID_FILE=str(folder / "pid"),
        )

    def start(self) -> None:
        super().start()
        wait_for("rabbitmq", lambda: "Starting broker... completed" in self.log(), 90)

    def control(self, *words: str) -> str:
        """What `rabbitmqctl` of these words says; it must go well."""
        command = [str(RABBIT_SERVER.with_name("rabbitmqctl")), "--quiet", *words]
        environment = {**self.env, "RABBITMQ_LOGS": "-"}
        return subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, text=True, check=True,
            timeout=90,
        ).stdout  # fmt: skip

    def stop(self, *args: int, **kwargs: float) -> int:
        code = super().stop(*args, timeout_s=30)
        if epmd := shutil.which("epmd"):
            environment = {**os.environ, "ERL_EPMD_PORT": str(self.epmd_port)}
            subprocess.run([epmd, "-kill"], env=environment, capture_output=True, check=False)
        return code


class CeleryWorker(Process):
    """An unmodified `celery worker` of tests/worker_app.py."""

    def __init__(self, folder: Path, broker: str, record: Path, *args: str, **env: str) -> None:
        command = [sys.executable, "-m", "celery", "-A", "worker_app", "worker"]
        command += ["--loglevel", "INFO", "--hostname", f"w{free_port()}@test", *args]
        super().__init__(
            command,
            folder,
            "worker",
            PYTHONPATH=str(TESTS),
            CONTRACT_BROKER=broker,
            CONTRACT_RECORD=str(record),
            **env,
        )

    def start(self, *, wait: bool = True) -> None:
        """Starts it and waits until it consumes."""
        before = self.log().count(" ready.")
        super().start()
        if wait:
            self.wait_ready(before)

    def wait_ready(self, before: int = 0) -> None:
        """Waits until it consumes."""
        try:
            wait_for("the worker", lambda: self.log().count(" ready.") > before, 40)
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()[-3000:]}") from None
