"""Checks the import law and the sizes that keep the house readable.

Imports run downward: main → rpc, cli, http → loop, mutate → seams (store, elect, dispatch, audit)
→ core → base.  Cores know no clock, no thread, no proto, no gRPC.  Implementations of a seam are
named only where the server is put together.  No thread's wait follows the wall clock.  Files that a
page of documentation names exist.  Prints one line per breach; exit code 1 if any.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Room → rooms that it may include.  Every room may include itself, base and limits.h.
ROOMS: dict[str, set[str]] = {
    "services/base": set(),
    "services/consensus/raft": set(),
    "services/consensus/storage": {"raft"},
    "services/consensus/machine": {"raft"},
    "services/consensus/admission": set(),
    "services/consensus/transport": {"raft", "storage", "admission"},
    "services/consensus/node": {"raft", "storage", "machine", "transport"},
    "services/consensus/client": set(),
    "services/consensus/rpc": {"raft", "storage", "machine", "admission", "transport", "node"},
    "services/consensus/server": {
        "raft",
        "storage",
        "machine",
        "admission",
        "transport",
        "node",
        "rpc",
    },
    "services/consensus/cli": {"client", "server", "machine", "raft", "storage"},
    "services/scheduler/core": set(),
    "services/scheduler/store": {"core"},
    "services/scheduler/audit": {"core", "store"},
    "services/scheduler/elect": {"core", "store", "client"},
    "services/scheduler/dispatch": {"core", "store"},
    "services/scheduler/mutate": {"core", "store", "audit"},
    "services/scheduler/loop": {"core", "store", "elect", "dispatch"},
    "services/scheduler/rpc": {"core", "store", "audit", "mutate", "elect", "dispatch", "loop"},
    "services/scheduler/cli": {"core", "store", "audit", "rpc"},
}
PURE = (
    "services/consensus/raft/",
    "services/consensus/machine/",
    "services/consensus/node/replica",
    "services/consensus/node/session_keeper",
    "services/consensus/client/backoff",
    "services/consensus/client/keep_alive",
    "services/consensus/client/leader_finder",
    "services/consensus/client/pursuit",
    "services/consensus/client/request_ids",
    "services/scheduler/core/",
    "services/scheduler/audit/chain",
    "services/scheduler/audit/verify",
)
IMPURE_INCLUDE = re.compile(
    r"grpcpp|\.pb\.h|absl/synchronization|absl/time/clock|base/clock|<mutex>|<thread>|<chrono>|<random>"
)
PROTO_INCLUDE = re.compile(r"grpcpp|\.pb\.h")
PROTO_ROOMS = (
    "services/consensus/rpc/",
    "services/consensus/client/",
    "services/consensus/transport/",
    "services/consensus/server/",
    "services/consensus/cli/",
    "services/consensus/main.cc",
    "services/scheduler/rpc/",
    "services/scheduler/cli/",
    "services/scheduler/dispatch/stream_",
    "services/base/grpc_",
    "services/base/cli/connection",
    "services/scheduler/server",
    "services/scheduler/main.cc",
)
IMPLEMENTATION = re.compile(r"/((?:memory|sqlite|postgres|solo|raft|remote)_\w+)\.h$")
ASSEMBLY = ("services/scheduler/main.cc", "services/scheduler/server", "services/scheduler/cli/")
LINES_MAX = 350
# Only a test, a probe or a benchmark may reach across.
OUTSIDE = re.compile(
    r"_test\.cc$|_probe_main\.cc$|_bench\.cc$|/testing/|_contract\.h$|^bench/|^tests/"
)
# absl's timeouts follow the wall clock: set back by an hour, it makes a thread wait an hour longer.
WALL_CLOCK_WAIT = re.compile(
    r"\b(?:(?:Await|Wait|LockWhen|WaitForNotification)With(?:Timeout|Deadline)|wait_until)\("
)
INCLUDE = re.compile(r'^#include\s+(["<][^">]+[">])', re.M)
# `services/base/clock.h` from the repository's root; [a link](style.md) from the page's folder.
NAMED_FILE = re.compile(r"`((?:services|adapters|proto|docs|tools|tests|bench)/[\w./-]+\.\w+)`")
LINKED_FILE = re.compile(r"\]\((?!https?:)([\w./-]+)")


def room_of(path: str) -> str | None:
    """The room a file belongs to; None for what stands above all rooms."""
    return next((room for room in ROOMS if path.startswith(room + "/")), None)


def breaches(path: str, text: str) -> list[str]:
    """What is wrong with one C++ file."""
    found = []
    if len(text.splitlines()) > LINES_MAX:
        found.append(f"{len(text.splitlines())} lines; split it (at most {LINES_MAX})")
    if re.search(r"\b(TODO|FIXME|XXX)\b", text):
        found.append("an open end (TODO, FIXME, XXX); finish it or write it into docs/roadmap.md")
    if OUTSIDE.search(path):
        return found
    for wait in WALL_CLOCK_WAIT.findall(text):
        found.append(f"{wait} may follow the wall clock; use services/base/monotone_mutex.h")
    room = room_of(path)
    for quoted in INCLUDE.findall(text):
        include = quoted.strip('"<>')
        target = room_of(include)
        foreign = room and target and target not in (room, "services/base")
        if foreign and target.rsplit("/", 1)[1] not in ROOMS[room]:
            found.append(f"{room} must not include {include}")
        if path.startswith(PURE) and IMPURE_INCLUDE.search(quoted):
            found.append(f"pure code must not include {quoted}")
        if PROTO_INCLUDE.search(quoted) and not path.startswith(PROTO_ROOMS):
            found.append(f"only rpc, cli and the adapter stream see proto, not {quoted}")
        implementation = IMPLEMENTATION.search("/" + include)
        if implementation and not path.startswith(ASSEMBLY):
            stem = implementation.group(1)
            if not Path(path).name.startswith(stem.split("_store")[0]):
                found.append(f"{include} is an implementation; include the seam's header")
    return found


def missing_files(path: str, text: str) -> list[str]:
    """Files that one page of documentation names, and that are not there."""
    named = [ROOT / name for name in NAMED_FILE.findall(text)]
    named += [(ROOT / path).parent / name for name in LINKED_FILE.findall(text)]
    return [f"there is no {file}" for file in named if not file.exists()]


def main() -> int:
    """Checks every C++ file and every page that git does not ignore."""
    files = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.cc", "*.h", "*.md"],
        cwd=ROOT,
        text=True,
    ).split()
    bad = 0
    for path in files:
        if not (ROOT / path).exists():
            continue
        check = missing_files if path.endswith(".md") else breaches
        for breach in check(path, (ROOT / path).read_text()):
            print(f"{path}: {breach}")
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
