"""The adapter's command, run as a user would run it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from fake_scheduler import FakeScheduler, pb
from harness import TESTS, Process, eventually
from z4j_adapters import Fire


async def run_to_the_end_and_leave(
    folder: Path, arguments: Sequence[str], fires: Sequence[Fire]
) -> None:
    """Hands `fires` to `z4j-adapter ARGUMENTS`, awaits that all succeed, and sends SIGTERM."""
    node = FakeScheduler()
    await node.start()
    command = [sys.executable, "-m", "z4j_adapters", *arguments, "--scheduler", node.address]
    process = Process(command, folder, "adapter", PYTHONPATH=str(TESTS.parent / "src"))
    process.start()
    try:
        await node.until("hello", lambda: node.hellos, 30)
        node.dispatch(fires)
        final = pb.Outcome.STATE_SUCCEEDED
        await node.until(
            "outcomes", lambda: sum(o.state == final for o in node.outcomes) == len(fires), 60
        )
        assert process.child
        process.child.send_signal(signal.SIGTERM)
        await eventually("exit", lambda: process.child and process.child.poll() is not None)
        assert process.child.returncode == 0, process.log()
    finally:
        process.stop(signal.SIGKILL)
        await node.stop()
