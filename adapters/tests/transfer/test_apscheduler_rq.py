"""--from apscheduler: jobs that enqueue in RQ."""

from __future__ import annotations

from typing import Any

import pytest
from z4j_adapters.transfer.apscheduler.tasks import call_of
from z4j_adapters.transfer.apscheduler.triggers import Unreadable


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("shop.clean", 1), {"a": 2}),
        (("shop.clean",), {"args": [1], "kwargs": {"a": 2}}),
    ],
)
def test_the_arguments_are_those_that_rq_hands_on(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    call = call_of("shop:queue.enqueue", args, kwargs, "rq")
    assert (call.task, call.args_json, call.kwargs_json) == ("shop.clean", "[1]", '{"a":2}')


def test_an_option_of_rq_is_not_taken_for_an_argument() -> None:
    with pytest.raises(Unreadable, match="its option job_timeout"):
        call_of("shop:queue.enqueue", ("shop.clean",), {"job_timeout": 60}, "rq")
