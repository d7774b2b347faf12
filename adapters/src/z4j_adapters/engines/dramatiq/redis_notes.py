"""The notes that workers leave of successes, moved to a key per fire that goes by itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from z4j_adapters._models import OutcomeState
from z4j_adapters.engines.dramatiq.ends import End, decode
from z4j_adapters.engines.dramatiq.envelope import NOTE_ACTOR, NOTE_QUEUE
from z4j_adapters.engines.dramatiq.redis_keys import Keys

__all__ = ["EndStore"]

NOTES_AT_ONCE = 1000
NOTES_AT_A_TIME_MAX = 10_000


class EndStore:
    """Blocks.  Several adapters may work on one broker: any may move a note, all can read it."""

    def __init__(self, keys: Keys, ttl_s: float) -> None:
        self._keys = keys
        self.ttl_ms = max(1, int(ttl_s * 1000))

    def read(self, client: Any, fire_ids: Iterable[str]) -> dict[str, End]:
        """Find ends by fire id."""
        ids = list(fire_ids)
        if not ids:
            return {}
        texts = client.mget([Keys.end(fire_id) for fire_id in ids])
        return {i: End.load(text) for i, text in zip(ids, texts, strict=True) if text is not None}

    def write(self, client: Any, ends: Mapping[str, End]) -> None:
        """Keep ends, unless a worker has noted the fire's success."""
        if not ends:
            return
        pipe = client.pipeline(transaction=False)
        for fire_id, end in ends.items():
            pipe.set(Keys.end(fire_id), end.dump(), px=self.ttl_ms, nx=True)
        pipe.execute()

    def take_notes(self, client: Any) -> None:
        """Move the notes that workers left."""
        notes_key, hash_key = self._keys.notes, self._keys.messages(NOTE_QUEUE)
        for _ in range(NOTES_AT_A_TIME_MAX // NOTES_AT_ONCE):
            ids = client.lrange(notes_key, 0, NOTES_AT_ONCE - 1)
            if not ids:
                return
            pipe = client.pipeline(transaction=True)
            for note_id, data in zip(ids, client.hmget(hash_key, ids), strict=True):
                # None: another adapter has moved it.
                if (note := decode(data)) is not None and note.actor_name == NOTE_ACTOR:
                    end = End(OutcomeState.SUCCEEDED, note.message_timestamp)
                    pipe.set(Keys.end(note.message_id), end.dump(), px=self.ttl_ms)
                pipe.lrem(notes_key, 1, note_id)
            pipe.hdel(hash_key, *ids)
            pipe.execute()
            if len(ids) < NOTES_AT_ONCE:
                return
