"""Between protocol messages and plain values.  No other module sees the generated code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from z4j_adapters._models import (
    Capabilities,
    Delivery,
    Fire,
    FireRef,
    Outcome,
    OutcomeState,
    QueueState,
    Result,
    ResultCode,
    TaskTemplate,
    WorkerState,
)
from z4j_adapters._proto.z4j.scheduler.v1 import adapter_pb2 as pb
from z4j_adapters._proto.z4j.scheduler.v1 import adapter_pb2_grpc as pb_grpc

__all__ = [
    "AdapterServiceStub",
    "control_reply",
    "fire_refs_of",
    "fires_of",
    "heartbeat",
    "hello",
    "outcomes_message",
    "results_message",
    "template_of",
    "uuid_text",
]

AdapterServiceStub = pb_grpc.AdapterServiceStub

_ERROR_BYTES_MAX = 4096  # adapter.proto: DispatchResult.message, Outcome.error.

_CODES = {
    ResultCode.ACCEPTED: pb.DispatchResult.CODE_ACCEPTED,
    ResultCode.DUPLICATE: pb.DispatchResult.CODE_DUPLICATE,
    ResultCode.REJECTED: pb.DispatchResult.CODE_REJECTED,
    ResultCode.UNAVAILABLE: pb.DispatchResult.CODE_UNAVAILABLE,
    ResultCode.RETURNED: pb.DispatchResult.CODE_UNAVAILABLE,
    ResultCode.UNKNOWN_TEMPLATE: pb.DispatchResult.CODE_UNKNOWN_TEMPLATE,
}

_STATES = {
    OutcomeState.RUNNING: pb.Outcome.STATE_RUNNING,
    OutcomeState.SUCCEEDED: pb.Outcome.STATE_SUCCEEDED,
    OutcomeState.FAILED: pb.Outcome.STATE_FAILED,
    OutcomeState.CANCELLED: pb.Outcome.STATE_CANCELLED,
    OutcomeState.LOST: pb.Outcome.STATE_LOST,
    OutcomeState.EXPIRED: pb.Outcome.STATE_EXPIRED,
}

_DELIVERY = {
    Delivery.AT_LEAST_ONCE: pb.DELIVERY_GUARANTEE_AT_LEAST_ONCE,
    Delivery.EFFECTIVELY_ONCE: pb.DELIVERY_GUARANTEE_EFFECTIVELY_ONCE,
}


def uuid_text(raw: bytes) -> str:
    """Write 16 bytes as 36-character UUID text."""
    h = raw.hex()  # uuid.UUID costs ten times as much, and this runs once a fire.
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def _uuid_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


def _clip(text: str) -> str:
    """Cut to the protocol's bound, not inside a character."""
    if len(text) * 4 <= _ERROR_BYTES_MAX:
        return text
    return text.encode("utf-8", "replace")[:_ERROR_BYTES_MAX].decode("utf-8", "ignore")


def template_of(message: pb.TaskTemplate) -> TaskTemplate:
    """Read a template."""
    expires = message.expires.ToTimedelta() if message.HasField("expires") else None
    return TaskTemplate(
        id=message.id,
        schedule=message.schedule,
        task=message.task,
        args_json=message.args_json or "[]",
        kwargs_json=message.kwargs_json or "{}",
        queue=message.queue,
        priority=message.priority,
        expires_s=None if expires is None else expires.total_seconds(),
        engine_options=dict(message.engine_options),
    )


def fires_of(
    batch: pb.DispatchBatch, templates: Mapping[int, TaskTemplate]
) -> tuple[list[Fire], list[Result]]:
    """Read the fires of a batch; those whose template is unknown come back as results."""
    fires: list[Fire] = []
    unknown: list[Result] = []
    for item in batch.fires:
        fire_id = uuid_text(item.fire_id)
        template = templates.get(item.template_id)
        if template is None:
            unknown.append(Result(fire_id, item.fire_ref, ResultCode.UNKNOWN_TEMPLATE))
        else:
            fires.append(Fire(fire_id, item.fire_ref, template, item.due_us, item.attempt))
    return fires, unknown


def fire_refs_of(request: pb.LookUpOutcomes) -> list[FireRef]:
    """Read which fires are asked after."""
    return [FireRef(uuid_text(item.fire_id), item.fire_ref) for item in request.fires]


def results_message(results: Iterable[Result]) -> pb.ConnectRequest:
    """Write answers to dispatches."""
    return pb.ConnectRequest(
        results=pb.DispatchResults(
            results=[
                pb.DispatchResult(
                    fire_id=_uuid_bytes(r.fire_id),
                    fire_ref=r.fire_ref,
                    code=_CODES[r.code],
                    message=_clip(r.message),
                    untried=r.code is ResultCode.RETURNED,
                )
                for r in results
            ]
        )
    )


def outcomes_message(sequence: int, outcomes: Iterable[Outcome]) -> pb.ConnectRequest:
    """Write outcomes under the stream's next sequence number."""
    message = pb.ConnectRequest(outcomes=pb.Outcomes(sequence=sequence))
    for outcome in outcomes:
        item = message.outcomes.outcomes.add(
            fire_id=_uuid_bytes(outcome.fire_id),
            fire_ref=outcome.fire_ref,
            state=_STATES[outcome.state],
            error=_clip(outcome.error),
        )
        _set_time(item.time, outcome.time)
    return message


def _set_time(field: Any, at: datetime) -> None:
    micros = round(at.timestamp() * 1_000_000)
    field.seconds, micros = divmod(micros, 1_000_000)
    field.nanos = micros * 1000


def _capabilities(value: Capabilities) -> pb.Capabilities:
    return pb.Capabilities(
        delivery=_DELIVERY[value.delivery],
        outcomes=value.outcomes,
        outcomes_hint=value.outcomes_hint,
        cancel=value.cancel,
        terminate=value.terminate,
        priority=value.priority,
        expires=value.expires,
        lookup=value.lookup,
        list_queues=value.list_queues,
        list_workers=value.list_workers,
        purge=value.purge,
        options=[
            pb.EngineOption(name=o.name, type=o.type, description=o.description)
            for o in value.options
        ],
    )


def hello(
    *,
    engine: str,
    instance: str,
    version: str,
    engine_version: str,
    capabilities: Capabilities,
    queues: Sequence[str],
    tasks: Sequence[str],
    labels: Mapping[str, str],
    max_in_flight: int,
) -> pb.ConnectRequest:
    """Write the first message of a stream."""
    return pb.ConnectRequest(
        hello=pb.Hello(
            engine=engine,
            instance=instance,
            version=version,
            engine_version=engine_version,
            capabilities=_capabilities(capabilities),
            queues=queues[:1000],
            # Part of the tasks would look like all of them; none says "cannot tell".
            tasks=tasks if len(tasks) <= 10_000 else [],
            labels=dict(labels),
            max_in_flight=max_in_flight,
        )
    )


def heartbeat(
    load: float, in_flight: int, health: str, changed: Capabilities | None, *, leaving: bool
) -> pb.ConnectRequest:
    """Write a heartbeat; `changed` is what it can do if that changed."""
    beat = pb.Heartbeat(load=load, in_flight=in_flight, health=_clip(health), leaving=leaving)
    if changed is not None:
        beat.capabilities.CopyFrom(_capabilities(changed))
    return pb.ConnectRequest(heartbeat=beat)


def control_reply(
    request_id: int,
    *,
    error: str = "",
    tasks: Sequence[str] = (),
    queues: Sequence[QueueState] = (),
    workers: Sequence[WorkerState] = (),
    purged: int = 0,
) -> pb.ConnectRequest:
    """Write the answer to a control request."""
    reply: Any = pb.ControlReply(id=request_id, error=_clip(error), tasks=tasks, purged=purged)
    for queue in queues:
        reply.queues.add(
            name=queue.name,
            depth=queue.depth,
            in_progress=queue.in_progress,
            workers=queue.workers,
        )
    for worker in workers:
        item = reply.workers.add(
            name=worker.name,
            queues=worker.queues,
            running=worker.running,
            concurrency=worker.concurrency,
        )
        if worker.heartbeat is not None:
            _set_time(item.heartbeat_time, worker.heartbeat)
    return pb.ConnectRequest(control_reply=reply)
