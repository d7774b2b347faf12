"""What must never be unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Harmful:
    """Writes a file when it is read by pickle.loads."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.proof)!r}, 'w').close()",)
