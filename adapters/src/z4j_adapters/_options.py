"""Command-line options that also come from the environment."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from typing import Any

from z4j_adapters._errors import ConfigurationError

__all__ = ["Parser", "address", "count", "is_loopback", "labels_of", "seconds"]

ENV_PREFIX = "Z4J_ADAPTER_"
LABELS_MAX, LABEL_CHARS_MAX = 32, 200  # adapter.proto: Hello.labels.
_LABEL_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]*")


class Parser(argparse.ArgumentParser):
    """Lets Z4J_ADAPTER_NAME stand for --name; the command line wins."""

    def option(
        self, name: str, *, repeat: bool = False, comma: bool = True, help: str, **kwargs: Any
    ) -> None:
        """Add --`name`; lists in the environment are separated by commas, if `comma`."""
        env = ENV_PREFIX + name.replace("-", "_").upper()
        text = os.environ.get(env)
        kwargs["help"] = f"{help}  [env {env}]"
        if repeat:
            # argparse would append to a default; the environment is filled in afterwards.
            kwargs["action"] = "append"
            self._env_lists[name.replace("-", "_")] = _split(text, comma)
        elif kwargs.get("action") == "store_true":
            if text is not None:
                kwargs["default"] = text.lower() in ("1", "true", "yes")
        elif text is not None:
            kwargs["default"] = text  # argparse applies `type` to a default that is a string.
        self.add_argument(f"--{name}", **kwargs)

    def queues(self, *, default: str = "any") -> None:
        """Add --queue, of engines whose publisher may be bound to some."""
        self.option(
            "queue",
            repeat=True,
            metavar="NAME",
            help=f"publish to this queue only; repeat for more (default: {default})",
        )

    def dedupe_ttl(self, *, broker: str = "Redis") -> None:
        """Add --dedupe-ttl, of engines whose `broker` remembers fires."""
        self.option(
            "dedupe-ttl",
            type=seconds,
            default=86_400.0,
            metavar="TIME",
            help=f"how long {broker} remembers a fire it has; at least as long as the scheduler "
            "may hand one over again (default: 24h)",
        )

    def __init__(self, **kwargs: Any) -> None:
        self._env_lists: dict[str, list[str]] = {}
        super().__init__(
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            **kwargs,
        )

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's, with lists from the environment where the command line gave none."""
        parsed, rest = super().parse_known_args(args, namespace)
        for name, values in self._env_lists.items():
            if getattr(parsed, name, None) is None:
                setattr(parsed, name, values)
        return parsed, rest


def _split(text: str | None, comma: bool) -> list[str]:
    if not text:
        return []
    return [part.strip() for part in text.split(",")] if comma else [text]


def seconds(text: str) -> float:
    """Read "90", "90s", "15m", "24h" or "2d" as seconds.

    Raises:
        argparse.ArgumentTypeError: It is none of these, or not above zero.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = (text[:-1], units[text[-1]]) if text[-1:] in units else (text, 1)
    try:
        value = float(number) * unit
    except ValueError:
        value = 0.0
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration such as 90s, 15m or 24h")
    return value


def count(text: str) -> int:
    """Read a whole number.

    Raises:
        argparse.ArgumentTypeError: It is not, or below zero.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number, 0 or more")
    return int(text)


def address(text: str) -> str:
    """Check host:port.

    Raises:
        argparse.ArgumentTypeError: It is not.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise argparse.ArgumentTypeError(f"{text!r} is not host:port such as 127.0.0.1:7801")
    return text


def labels_of(texts: Sequence[str]) -> dict[str, str]:
    """Read KEY=VALUE texts, within the scheduler's bounds.

    Raises:
        ConfigurationError: One of them is wrong, a key is given twice, or they are too many.
    """
    labels: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or len(key) > LABEL_CHARS_MAX or not _LABEL_KEY.fullmatch(key):
            raise ConfigurationError(
                f"--label {text!r} is not KEY=VALUE with a key of 1 to {LABEL_CHARS_MAX} letters, "
                "digits and any of - _ . / that begins with a letter or digit"
            )
        if len(value) > LABEL_CHARS_MAX:
            raise ConfigurationError(
                f"--label {key}: the value has {len(value)} characters; at most {LABEL_CHARS_MAX} "
                "are allowed"
            )
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
            raise ConfigurationError(f"--label {key}: the value holds a control character")
        if key in labels:
            raise ConfigurationError(f"--label {key} is given twice")
        labels[key] = value
    if len(labels) > LABELS_MAX:
        raise ConfigurationError(f"--label: {len(labels)} labels; at most {LABELS_MAX} are allowed")
    return labels


def is_loopback(host_port: str) -> bool:
    """Whether the address cannot leave this machine."""
    host = host_port.rpartition(":")[0].strip("[]")
    return host in ("localhost", "::1") or host.startswith("127.")
