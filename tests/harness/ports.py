"""Ports that stay free between the moment they are chosen and the moment a program binds them.

A port that the kernel chooses (`bind` to 0) may be taken again as soon as it is let go: by the next
such `bind`, or as the near end of anybody's connection. These lie below the range the kernel
chooses from, and each process that asks has a block of its own.
"""

from __future__ import annotations

import itertools
import random
import socket
from functools import cache

FIRST, BLOCKS, SIZE = 10_000, 100, 200
LAST = FIRST + BLOCKS * SIZE - 1


def free_port() -> int:
    """A port that nothing listens on now; the same one only after all others of the block.

    Raises:
        RuntimeError: All ports of this process's block are in use.
    """
    _, ports = _block()
    for port in itertools.islice(ports, SIZE):
        with socket.socket() as probe:
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"all {SIZE} ports of this process are in use")


@cache
def _block() -> tuple[socket.socket, itertools.cycle[int]]:
    """The claim to a block, which ends with the process, and the block's ports in turn."""
    for number in random.sample(range(BLOCKS), BLOCKS):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0z4j-test-ports-{number}")  # Linux: a name without a file.
        except OSError:
            claim.close()
            continue
        first = FIRST + number * SIZE
        return claim, itertools.cycle(range(first, first + SIZE))
    raise RuntimeError(f"{BLOCKS} processes have ports of {FIRST} to {LAST}")
