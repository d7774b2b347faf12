"""A private PostgreSQL cluster with fsync on."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.harness.ports import free_port
from tests.harness.processes import Program, wait_for


def _as_postgres(command: list[str]) -> list[str]:
    """initdb and postgres refuse root: run them as the user postgres."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command] if (
        os.getuid() == 0
    ) else command  # fmt: skip


def _runs(pid: str) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
    except FileNotFoundError:
        return False


class PostgresServer(Program):
    """One throwaway cluster; `dsn` is a libpq connection string to its database `z4j`."""

    def __init__(
        self, folder: Path, *, data: Path | None = None, settings: dict[str, str] | None = None
    ) -> None:
        """`data`: a folder elsewhere for the data; the write-ahead log stays in `folder`."""
        self.port = free_port()
        self.dsn = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        self.data = data or folder / "pgdata"
        self._wal = folder / "pgwal" if data else None
        self._bin = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "on",
            "max_wal_size": "4GB",
            **(settings or {}),
        }
        command = [str(self._bin / "postgres"), "-D", str(self.data), "-p", str(self.port)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        super().__init__("postgres", _as_postgres(command), folder)

    def start(self, timeout_s: float = 60.0) -> None:
        """Makes the cluster the first time."""
        if not self.data.exists():
            self.data.mkdir(parents=True)
            if os.getuid() == 0:
                shutil.chown(self.data, "postgres", "postgres")
                if self._wal is not None:
                    self._wal.mkdir()
                    shutil.chown(self._wal, "postgres", "postgres")
                for parent in (self.folder, *self.folder.parents):
                    if parent != Path("/") and parent.stat().st_uid == os.getuid():
                        parent.chmod(parent.stat().st_mode | 0o011)
            initdb = [str(self._bin / "initdb"), "-D", str(self.data), "-U", "postgres"]
            initdb += ["--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"]
            if self._wal is not None:
                initdb.append(f"--waldir={self._wal}")
            subprocess.run(_as_postgres(initdb), check=True, stdout=subprocess.DEVNULL, cwd="/")
        super().start(timeout_s)

    def kill(self) -> None:
        """kill -9 of the postmaster; its backends end by themselves, before anyone can start it
        again: it refuses while one of them still holds the shared memory."""
        backends = self._backends()
        super().kill()
        wait_for(
            "PostgreSQL's backends to end",
            lambda: not any(_runs(backend) for backend in backends),
        )

    def _backends(self) -> list[str]:
        """Process ids of the postmaster's children, each in a process group of its own."""
        if self._process is None:
            return []
        pid = self._process.pid
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()

    def sql(self, text: str) -> str:
        """Runs statements in one transaction and returns what they print."""
        command = [str(self._bin / "psql"), self.dsn, "-qAt1", "-v", "ON_ERROR_STOP=1", "-f", "-"]
        return subprocess.run(
            command, input=text, stdout=subprocess.PIPE, text=True, check=True
        ).stdout

    def ready(self) -> bool:
        """Accepts connections and is past recovery."""
        with socket.create_connection(("127.0.0.1", self.port), 1):
            pass
        probe = [str(self._bin / "pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(probe, stdout=subprocess.DEVNULL).returncode == 0
