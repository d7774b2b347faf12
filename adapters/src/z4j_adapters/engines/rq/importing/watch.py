"""Watches the jobs that RQ and rq-scheduler enqueue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from z4j_adapters.engines.rq.importing.stored import Unfit, read_job
from z4j_adapters.transfer.polled import PolledRedis
from z4j_adapters.transfer.values import micros
from z4j_adapters.transfer.watcher import Seen

__all__ = ["RqWatcher"]

NEWEST = 1000  # Of each list and registry, at each look.

HELP = """\
Watch the jobs of RQ in Redis: waiting, running, finished or failed.  Redis is only read, and what
is pickled there cannot run anything.

examples:
  z4j-adapter watch --from rq --redis-url redis://localhost:6379/0
  z4j-adapter watch --from rq-scheduler --redis-url redis://localhost:6379/0

Nothing has to be turned on.  A job counts for when it was enqueued, which its hash tells.  Redis is
looked at twice a second: a job that runs at once and is deleted when it ends (result_ttl=0) may be
missed.  rq-scheduler looks for what is due every minute (--interval), so that its jobs are up to a
minute late: compare with `import shadow --tolerance 70s`.

what is compared: the function's name and its arguments, if they are JSON.  What your own code
enqueues looks like the scheduler's."""


class RqWatcher(PolledRedis):
    """Looks at queues and registries."""

    summary = "the jobs of RQ in Redis"
    help = HELP

    def version(self) -> str:
        """Of rq, if it is installed here."""
        try:
            return version("rq")
        except PackageNotFoundError:
            return ""

    def poll(self, client: Any) -> Iterator[Seen]:
        """Jobs whose hash tells a new instant of being enqueued."""
        ids = sorted(_visible(client))
        with client.pipeline(transaction=False) as pipe:
            for job_id in ids:
                pipe.hget(b"rq:job:" + job_id, "enqueued_at")
            instants = pipe.execute()
        fresh = [
            (job_id, at)
            for job_id, text in zip(ids, instants, strict=True)
            if (at := _instant(text)) is not None
            and at >= self.begin_us
            and self.remembered.is_new((job_id, at))
        ]
        with client.pipeline(transaction=False) as pipe:
            for job_id, _ in fresh:
                pipe.hgetall(b"rq:job:" + job_id)
            hashes = pipe.execute()
        for (job_id, at), values in zip(fresh, hashes, strict=True):
            yield _seen(job_id.decode("utf-8", "replace"), at, values)


def _visible(client: Any) -> set[bytes]:
    """Ids of the newest jobs of every queue, wherever they are."""
    names = [name.removeprefix(b"rq:queue:") for name in client.smembers("rq:queues")]
    with client.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.lrange(b"rq:queue:" + name, -NEWEST, -1)
            pipe.lrange(b"rq:queue:" + name, 0, NEWEST - 1)  # Those that were put in front.
            for registry in (b"wip", b"finished", b"failed"):
                pipe.zrevrange(b"rq:" + registry + b":" + name, 0, NEWEST - 1)
        found: set[bytes] = set()
        for ids in pipe.execute():
            # The registry of running jobs has executions: "job:execution".
            found.update(job_id.partition(b":")[0] if b":" in job_id else job_id for job_id in ids)
    return found


def _seen(job_id: str, at: int, values: Mapping[bytes, bytes]) -> Seen:
    try:
        job = read_job(values)
    except Unfit:  # The description begins with the function's name: "shop.tasks.mail(1, a=2)".
        text = values.get(b"description", b"").decode("utf-8", "replace")
        return Seen(text.partition("(")[0], at, job_id)
    return Seen(job.func, at, job_id, json.loads(job.args_json), json.loads(job.kwargs_json))


def _instant(text: bytes | None) -> int | None:
    if not text:
        return None
    try:
        return micros(datetime.fromisoformat(text.decode().replace("Z", "+00:00")))
    except (ValueError, TypeError):
        return None
