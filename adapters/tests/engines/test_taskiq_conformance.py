"""TaskIQ keeps the contract on Redis lists and streams, with unmodified workers.

Lists with the user's broker: test_taskiq_sentinel.py; RabbitMQ: test_taskiq_rabbit.py.
"""

from __future__ import annotations

import pytest

pytest.importorskip("taskiq_redis", reason="TaskIQ's own environment", exc_type=ImportError)

from engines.taskiq_help import WithApp, WithoutApp
from engines.taskiq_help import adapter as adapter
from engines.taskiq_help import settings as settings
from engines.taskiq_help import tasks as tasks
from engines.taskiq_help import worker as worker


@pytest.mark.engine("taskiq", "Redis lists")
class TestTaskiqOnListsWithoutApp(WithoutApp):
    """ListQueueBroker."""

    kind = "list"


@pytest.mark.engine("taskiq", "Redis streams")
class TestTaskiqOnStreamsWithoutApp(WithoutApp):
    """RedisStreamBroker."""

    kind = "stream"


@pytest.mark.engine("taskiq", "Redis streams")
class TestTaskiqOnStreamsWithApp(WithApp):
    """RedisStreamBroker."""

    kind = "stream"
