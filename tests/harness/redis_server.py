"""A private Redis."""

from __future__ import annotations

import shutil
from pathlib import Path

import redis

from tests.harness.ports import free_port
from tests.harness.processes import Program


class RedisServer(Program):
    """redis-server; `durable` keeps every acknowledged write through a kill.

    So it does with `fsync` "no", which a power cut would not spare: Redis writes before it answers.
    """

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        *,
        durable: bool = True,
        fsync: str = "always",
    ) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        binary = shutil.which("redis-server") or "redis-server"
        command = [binary, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        if durable:
            command += ["--appendonly", "yes", "--appendfsync", fsync]
        super().__init__("redis", command, folder)

    def client(self) -> redis.Redis:
        """A new client."""
        return redis.Redis(port=self.port, decode_responses=True)

    def ready(self) -> bool:
        """Answers PING."""
        return bool(self.client().ping())
