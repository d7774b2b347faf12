"""Reads how far jobs have come from arq's own keys."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import redis
from arq.constants import in_progress_key_prefix, job_key_prefix, result_key_prefix

from z4j_adapters._errors import EngineUnavailable
from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.arq.app import ArqApp
from z4j_adapters.engines.arq.pickles import read_pickle
from z4j_adapters.engines.arq.publisher import dedupe_key, read_dedupe
from z4j_adapters.engines.arq.results import sightings_of
from z4j_adapters.engines.common.polled import Book
from z4j_adapters.engines.common.tracker import Sighting

__all__ = ["ArqBook"]

IDS_PER_SCRIPT_MAX = 200
RESULT_BYTES_MAX = 32 * 1024 * 1024
ANSWER_BYTES_MAX = 4 * 1024 * 1024  # In one answer, unless a single result is larger.
TASKS_NAMED_MAX = 1000

QUEUED, RUNNING, GONE, FORGOTTEN, UNREADABLE, LATER = range(6)

# A worker ends a job in one transaction, so what one script sees fits together.  KEYS: the queue,
# then result, in-progress, dedupe and job key of each job.  ARGV: bound of one result and of the
# answer in bytes, then the ids.  Returns the result or a number of the above for each.  A job that
# is in progress without its job key has expired: its worker is about to say so, and never runs it.
READ_SCRIPT = f"""
local answer, size = {{}}, 0
for i = 3, #ARGV do
  local at = 4 * (i - 3) + 2
  local result, running, dedupe, job = KEYS[at], KEYS[at + 1], KEYS[at + 2], KEYS[at + 3]
  local said = {QUEUED}
  local bytes = redis.pcall('STRLEN', result)
  if type(bytes) == 'table' or bytes > tonumber(ARGV[1]) then
    said = {UNREADABLE}
  elseif bytes > 0 then
    if size > 0 and size + bytes > tonumber(ARGV[2]) then
      said = {LATER}
    else
      said = redis.call('GET', result)
      size = size + bytes
    end
  elseif redis.call('EXISTS', running) == 1 then
    said = redis.call('EXISTS', job) == 1 and {RUNNING} or {QUEUED}
  else
    local score = redis.pcall('ZSCORE', KEYS[1], ARGV[i])  -- An error if it is no queue at all.
    if type(score) ~= 'string' then
      said = redis.call('EXISTS', dedupe) == 1 and {GONE} or {FORGOTTEN}
    end
  end
  answer[#answer + 1] = said
end
return answer
"""


class ArqBook(Book):
    """See Book.  Also learns which tasks end without a result that can be read."""

    def __init__(self, app: ArqApp) -> None:
        super().__init__()
        self._app = app
        self._load = app.deserializer or read_pickle
        self._client: Any = None
        self._script: Any = None
        self._aborted: set[str] = set()
        self.unkept: frozenset[str] = frozenset()
        """Tasks of which a job ended and left no result."""
        self.unreadable: frozenset[str] = frozenset()
        """Tasks of which a job left a result that cannot be read."""

    def read(self, routes: Mapping[str, str]) -> list[Sighting]:
        """See Book."""
        by_queue: dict[str, list[str]] = {}
        for fire_id, route in routes.items():
            by_queue.setdefault(route.partition("\0")[0], []).append(fire_id)
        seen: list[Sighting] = []
        with self._errors():
            self._connect()
            for queue, ids in by_queue.items():
                while ids:
                    part, ids = ids[:IDS_PER_SCRIPT_MAX], ids[IDS_PER_SCRIPT_MAX:]
                    for fire_id, said in zip(part, self._ask(queue, part), strict=True):
                        if said == LATER:
                            ids.append(fire_id)
                        else:
                            task = routes[fire_id].partition("\0")[2]
                            seen += self._sightings(fire_id, task, said)
        return seen

    def note_abort(self, fire_id: str, asked: bool) -> None:
        """A worker is asked to stop this one; not every serializer can write that it did."""
        (self._aborted.add if asked else self._aborted.discard)(fire_id)

    def routes(self, fire_ids: Sequence[str]) -> dict[str, str]:
        """See Book."""
        return {fire_id: route for fire_id, (route, _) in self.handed_over(fire_ids).items()}

    def handed_over(self, fire_ids: Sequence[str]) -> dict[str, tuple[str, bytes]]:
        """Find route and fire_ref of fires that some adapter handed over.

        Raises:
            EngineUnavailable: Redis does not answer.
        """
        with self._errors():
            return read_dedupe(self._connect(), fire_ids)

    def close(self) -> None:
        """See Book."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close()

    def _ask(self, queue: str, ids: Sequence[str]) -> list[Any]:
        keys = [queue]
        for i in ids:
            keys += (result_key_prefix + i, in_progress_key_prefix + i)
            keys += (dedupe_key(i), job_key_prefix + i)
        answer: list[Any] = self._script(keys, [RESULT_BYTES_MAX, ANSWER_BYTES_MAX, *ids])
        return answer

    def _sightings(self, fire_id: str, task: str, said: Any) -> list[Sighting]:
        if said == RUNNING:
            return [Sighting(fire_id, OutcomeState.RUNNING, time.time())]
        if said == QUEUED:
            return []
        if isinstance(said, bytes):
            try:
                result = self._load(said)
                seen = sightings_of(fire_id, result, aborted=fire_id in self._aborted)
            except Exception:  # The user's own code may raise anything, and so may a bad pickle.
                said = UNREADABLE
            else:
                self._aborted.discard(fire_id)
                self.unkept -= {task}
                self.unreadable -= {task}
                return seen
        self._aborted.discard(fire_id)
        self.forget(fire_id)
        if said == GONE and len(self.unkept) < TASKS_NAMED_MAX:
            self.unkept |= {task}
        if said == UNREADABLE and len(self.unreadable) < TASKS_NAMED_MAX:
            self.unreadable |= {task}
        return []

    def _connect(self) -> Any:
        if self._client is None:
            self._client = self._app.connect()
            self._script = self._client.register_script(READ_SCRIPT)
        return self._client

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, redis.RedisError) as error:
            self.close()
            raise EngineUnavailable(str(error) or type(error).__name__) from error
