"""How far fires have come, as Dramatiq's keys in Redis tell it."""

from __future__ import annotations

import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from z4j_adapters._errors import ControlFailed, EngineUnavailable
from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.common.oldest import oldest_over
from z4j_adapters.engines.common.polled import Book
from z4j_adapters.engines.common.tracker import Sighting
from z4j_adapters.engines.dramatiq.app import Setup
from z4j_adapters.engines.dramatiq.ends import End, decode, end_of_dead_letter, end_of_result
from z4j_adapters.engines.dramatiq.redis_keys import Keys, new_client
from z4j_adapters.engines.dramatiq.redis_notes import EndStore
from z4j_adapters.engines.dramatiq.redis_retries import Place, RetryFinder
from z4j_adapters.engines.dramatiq.redis_trace import Trace, lost
from z4j_adapters.engines.dramatiq.results import StoredResults

__all__ = ["RedisBook"]

log = logging.getLogger("z4j_adapters.dramatiq")

TRACES_MAX = 600_000  # More than are asked after at a time.
SEARCH_AFTER_S = 0.5  # A note of success may come just behind our question.
TEXT_WITHIN_S = 2.0  # Dramatiq stores a failure's result just behind its dead letter.

# KEYS: list, hash, key for the end.  ARGV: id in the queue, the end, its time to live in ms.
# Returns 1: cancelled; 0: a worker has it; -1: it is not there any more.
CANCEL_SCRIPT = """
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 0 then
  return redis.call('HEXISTS', KEYS[2], ARGV[1]) - 1
end
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
return 1
"""
TAKEN, GONE = 0, -1

# KEYS: a hash.  ARGV: fields.  Returns 1 or 0 for each: whether the hash has it.
EXIST_SCRIPT = """
local answer = {}
for i = 1, #ARGV do answer[i] = redis.call('HEXISTS', KEYS[1], ARGV[i]) end
return answer
"""


class RedisBook(Book):
    """See Book.  The `route` is queue, newline, actor."""

    def __init__(self, setup: Setup, *, dedupe_ttl_s: float, lost_after_s: float) -> None:
        super().__init__()
        self._broker = setup.broker
        self._keys = Keys(setup.broker.namespace)
        self._ends = EndStore(self._keys, dedupe_ttl_s)
        self._results = None if setup.results is None else StoredResults(setup.results)
        self._lost_after_s = lost_after_s
        self._finder = RetryFinder(self._keys)
        self._client: Any = None
        self._traces: dict[str, Trace] = {}

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        """See Book."""
        by_queue: defaultdict[str, list[str]] = defaultdict(list)
        for fire_id, route in routes.items():
            by_queue[route.partition("\n")[0]].append(fire_id)
        sightings: list[Sighting] = []
        with self._connected() as client:
            self._ends.take_notes(client)
            for queue, fire_ids in by_queue.items():
                running, missing = self._look(client, queue, fire_ids)
                ends = self._ends.read(client, missing)
                missing = [fire_id for fire_id in missing if fire_id not in ends]
                self._read_dead_letters(client, queue, missing)
                running += self._search(client, queue, missing)
                missing = [fire_id for fire_id in missing if fire_id in self._traces]
                found = self._settle({i: routes[i] for i in missing})
                stored = {i: e for i, e in found.items() if e.state is not OutcomeState.LOST}
                self._ends.write(client, stored)
                sightings += (Sighting(i, OutcomeState.RUNNING, time.time()) for i in running)
                for fire_id, end in (ends | found).items():
                    sightings += end.sightings(fire_id)
                    self._traces.pop(fire_id, None)
        return sightings

    def _trace(self, fire_id: str, queue: str) -> Trace:
        trace = self._traces.get(fire_id)
        if trace is None:
            trace = self._traces[fire_id] = Trace(Place(queue, fire_id))
            for oldest in oldest_over(self._traces, TRACES_MAX):
                del self._traces[oldest]
        return trace

    def _look(
        self, client: Any, queue: str, fire_ids: Sequence[str]
    ) -> tuple[list[str], list[str]]:
        """Tell which of the fires workers have, and which are neither there nor in the queue."""
        now_s, taken = time.time(), self._taken(client, queue)
        traces = {fire_id: self._trace(fire_id, queue) for fire_id in fire_ids}
        present = self._present(client, {trace.place for trace in traces.values()})
        running, missing = [], []
        for fire_id, trace in traces.items():
            if trace.place not in present:
                missing.append(fire_id)
                continue
            trace.is_here()
            if trace.place.queue != queue or trace.place.key.encode() in taken:
                running.append(fire_id)
            else:
                trace.waiting_at_s = now_s
        return running, missing

    def _present(self, client: Any, places: set[Place]) -> set[Place]:
        """Tell at which of these places there is a message."""
        present: set[Place] = set()
        for queue in {place.queue for place in places}:
            here = [place for place in places if place.queue == queue]
            keys = [place.key for place in here]
            answer = client.eval(EXIST_SCRIPT, 1, self._keys.messages(queue), *keys)
            present.update(place for place, exists in zip(here, answer, strict=True) if exists)
        return present

    def _taken(self, client: Any, queue: str) -> set[bytes]:
        """Ids that workers took from the queue and did not finish; some may wait in a worker."""
        workers = client.zrange(self._keys.heartbeats, 0, -1)  # Those that publish, too.
        pipe = client.pipeline(transaction=False)
        for worker in workers:
            pipe.smembers(self._keys.taken(worker.decode(), queue))
        return set().union(*pipe.execute())

    def _read_dead_letters(self, client: Any, queue: str, fire_ids: Sequence[str]) -> None:
        if not fire_ids:
            return
        pipe = client.pipeline(transaction=False)
        for fire_id in fire_ids:
            key = self._traces[fire_id].place.key
            pipe.hget(self._keys.messages(f"{queue}.XQ"), key)
            pipe.zscore(self._keys.dead(queue), key)
        answers = iter(pipe.execute())
        for fire_id, data, at_ms in zip(fire_ids, answers, answers, strict=True):
            if data is not None and at_ms is not None:
                end = end_of_dead_letter(decode(data), int(at_ms))
                self._traces[fire_id].bury(end)

    def _search(self, client: Any, queue: str, missing: list[str]) -> list[str]:
        """Look for retries of what is gone; takes those found out of `missing`, returns them."""
        now, gone = time.monotonic(), []
        for fire_id in missing:
            trace = self._traces[fire_id]
            if trace.gone_at is None:
                trace.gone_at = now
            if trace.dead is None and now - trace.gone_at >= SEARCH_AFTER_S:
                gone.append(fire_id)
        if not gone or not self._finder.may_search:
            return []
        found = self._finder.search(client, queue, gone)
        waiting: list[str] = []
        for fire_id in gone:
            trace, place = self._traces[fire_id], found.get(fire_id)
            if isinstance(place, Place):
                trace.place = place
                trace.is_here()
                waiting.append(fire_id)
                missing.remove(fire_id)
            elif place is not None:
                trace.bury(place)
            elif trace.gone_at is not None and now - trace.gone_at >= self._lost_after_s:
                self._give_up(client, fire_id, trace)
        return waiting

    def _give_up(self, client: Any, fire_id: str, trace: Trace) -> None:
        """Only what was in its queue can be lost: a hand-over that failed left nothing."""
        if trace.was_here or client.exists(Keys.fire(fire_id)):
            trace.bury(lost())
        else:
            self.forget(fire_id)
            self._traces.pop(fire_id)

    def _settle(self, routes: Mapping[str, str]) -> dict[str, End]:
        """Say of which missing fires the end is clear."""
        results = self._read_results(routes)
        now, ends = time.monotonic(), {}
        for fire_id in routes:
            trace = self._traces[fire_id]
            gone_s = now - (trace.gone_at or now)
            if fire_id in results and (trace.dead is not None or gone_s >= SEARCH_AFTER_S):
                at_ms = trace.dead.at_ms if trace.dead else int(time.time() * 1000)
                ends[fire_id] = end_of_result(results[fire_id], at_ms)
            elif trace.dead is not None and (
                self._results is None or now - trace.dead_at >= TEXT_WITHIN_S
            ):
                ends[fire_id] = trace.judge(trace.dead)
        return ends

    def _read_results(self, routes: Mapping[str, str]) -> dict[str, tuple[str, str] | None]:
        if self._results is None or not routes:
            return {}
        try:
            return self._results.read(routes)
        except Exception as error:
            log.warning("result backend: %s: %s", type(error).__name__, error)
            return {}

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        """See Book."""
        return {fire_id: route for fire_id, (route, _) in self.handed_over(fire_ids).items()}

    def handed_over(self, fire_ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """Find route and fire_ref of fires that some adapter handed over.

        Raises:
            EngineUnavailable: Redis does not answer.
        """
        if not fire_ids:
            return {}
        with self._connected() as client:
            values = client.mget([Keys.fire(fire_id) for fire_id in fire_ids])
        found = {}
        for fire_id, value in zip(fire_ids, values, strict=True):
            if value is not None:
                queue, actor, ref = value.split(b"\n", 2)
                found[fire_id] = f"{queue.decode()}\n{actor.decode()}", ref
        return found

    def cancel(self, fire_id: str, route: str) -> None:
        """Take a fire that no worker has out of its queue.

        Raises:
            ControlFailed: A worker has it, or had it.
            EngineUnavailable: Redis does not answer.
        """
        queue = route.partition("\n")[0]
        trace = self._traces.get(fire_id)
        place = trace.place if trace is not None else Place(queue, fire_id)
        end = End(OutcomeState.CANCELLED, int(time.time() * 1000))
        keys = (self._keys.queue(place.queue), self._keys.messages(place.queue), Keys.end(fire_id))
        with self._connected() as client:
            answer = client.eval(CANCEL_SCRIPT, 3, *keys, place.key, end.dump(), self._ends.ttl_ms)
        if answer == TAKEN:
            raise ControlFailed(
                "a worker has it already, and Dramatiq has no way to stop it; it runs, waits in "
                "the worker for a free thread, or for its next attempt"
            )
        if answer == GONE:
            raise ControlFailed("it is not in its queue any more: it has ended, or is retried")

    def close(self) -> None:
        """See Book."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Any]:
        try:
            if self._client is None:
                self._client = new_client(self._broker)
                self._client.set_retry(Retry(NoBackoff(), 0))
            yield self._client
        except (OSError, redis.RedisError) as error:
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error
