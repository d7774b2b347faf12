"""What a dead letter of Dramatiq's says, and what it cannot say."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from dramatiq import Message
from z4j_adapters import OutcomeState
from z4j_adapters.engines.dramatiq.ends import End, end_of_dead_letter, end_of_result

DIED_MS = 1_800_000_000_000
FAILED, EXPIRED = OutcomeState.FAILED, OutcomeState.EXPIRED


def letter(**options: Any) -> End:
    """The end that a dead letter with these options means; enqueued a second before."""
    message: Message[Any] = Message("q", "pay", (), {}, options, "id", DIED_MS - 1000)
    return end_of_dead_letter(message, DIED_MS)


@pytest.mark.parametrize("text", ["plain", "two\nlines", "an\n  indented\n    message", ""])
def test_a_retrys_traceback_ends_with_the_errors_type_and_message(text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        end = letter(retries=3, traceback=traceback.format_exc())
    assert end.state is FAILED
    assert end.error.startswith(f"ValueError: {text} (attempt 3" if text else "ValueError (attempt")


def test_a_first_attempt_names_the_actor_and_says_what_is_missing() -> None:
    end = letter()
    assert (end.state, end.expiry_ms) == (FAILED, 0)
    assert "'pay'" in end.error and "'q'" in end.error and "store_results" in end.error


def test_expiry_is_certain_only_for_what_was_sent_after_it() -> None:
    assert letter(max_age=500, z4j_sent_ms=DIED_MS - 500).state is EXPIRED
    doubtful = letter(max_age=500, z4j_sent_ms=DIED_MS - 900)
    assert (doubtful.state, doubtful.expiry_ms) == (FAILED, DIED_MS - 500)
    assert letter(max_age=5000, z4j_sent_ms=DIED_MS - 900).expiry_ms == 0
    assert letter(max_age=500, retries=1, traceback="E: x").state is FAILED


def test_a_result_tells_success_failure_and_expiry_apart() -> None:
    assert end_of_result(None, 1).state is OutcomeState.SUCCEEDED
    assert end_of_result(("KeyError", "'x'"), 1) == End(FAILED, 1, "KeyError: 'x'")
    assert end_of_result(("SkipMessage", "Message age limit exceeded"), 1).state is EXPIRED
    assert end_of_result(("SkipMessage", "of mine"), 1).state is FAILED


def test_an_end_is_read_as_it_was_written() -> None:
    end = End(FAILED, 5, "ключ\n", 7)
    assert End.load(end.dump().encode()) == end
