"""A scheduler node as adapters see it: AdapterService in this process."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc.aio
from z4j_adapters import Fire
from z4j_adapters._proto.z4j.scheduler.v1 import adapter_pb2 as pb
from z4j_adapters._proto.z4j.scheduler.v1 import adapter_pb2_grpc as pb_grpc


class FakeScheduler(pb_grpc.AdapterServiceServicer):
    """Records what adapters say; tests send what a node would."""

    def __init__(self, *, leader: bool = True, acks: bool = True, heartbeat_s: float = 0.1) -> None:
        self.leader, self.acks, self.heartbeat_s = leader, acks, heartbeat_s
        self.hellos: list[Any] = []
        self.results: dict[bytes, list[Any]] = {}
        self.outcomes: list[Any] = []
        self.sequences: list[int] = []
        self.heartbeats: list[Any] = []
        self.replies: list[Any] = []
        self.ended = 0
        self.port = 0
        self._out: asyncio.Queue[Any] = asyncio.Queue()
        self._changed = asyncio.Condition()
        self._server: Any = None

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listens; again on the same port after `stop`."""
        self._server = grpc.aio.server()
        pb_grpc.add_AdapterServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{self.port}")
        await self._server.start()

    async def stop(self) -> None:
        """Goes away at once, as if killed."""
        await self._server.stop(None)

    async def Connect(self, requests: Any, context: Any) -> AsyncIterator[Any]:
        """The service's one method."""
        self._out = asyncio.Queue()
        reader = asyncio.ensure_future(self._read(requests, self._out))
        try:
            while (message := await self._out.get()) is not None:
                yield message
        finally:
            reader.cancel()

    async def _read(self, requests: Any, out: asyncio.Queue[Any]) -> None:
        async for request in requests:
            kind = request.WhichOneof("message")
            if kind == "hello":
                self.hellos.append(request.hello)
                welcome = pb.Welcome(node="n1", max_in_flight=1000)
                welcome.heartbeat_interval.FromMilliseconds(round(self.heartbeat_s * 1000))
                out.put_nowait(pb.ConnectResponse(welcome=welcome))
                out.put_nowait(pb.ConnectResponse(role=pb.Role(leader=self.leader)))
            elif kind == "results":
                for result in request.results.results:
                    self.results.setdefault(result.fire_id, []).append(result)
            elif kind == "outcomes":
                self.sequences.append(request.outcomes.sequence)
                self.outcomes += request.outcomes.outcomes
                if self.acks:
                    ack = pb.OutcomesAck(sequence=request.outcomes.sequence)
                    out.put_nowait(pb.ConnectResponse(outcomes_ack=ack))
            elif kind == "heartbeat":
                self.heartbeats.append(request.heartbeat)
            elif kind == "control_reply":
                self.replies.append(request.control_reply)
            async with self._changed:
                self._changed.notify_all()
        self.ended += 1
        out.put_nowait(None)

    def send(self, **message: Any) -> None:
        """Sends a ConnectResponse on the newest stream."""
        self._out.put_nowait(pb.ConnectResponse(**message))

    def dispatch(self, fires: list[Fire], *, templates: bool = True, reset: bool = False) -> None:
        """Sends a batch."""
        batch = pb.DispatchBatch(reset_templates=reset)
        if templates:
            for template in {f.template.id: f.template for f in fires}.values():
                batch.templates.add(
                    id=template.id,
                    schedule=template.schedule,
                    task=template.task,
                    args_json=template.args_json,
                    kwargs_json=template.kwargs_json,
                    queue=template.queue,
                    priority=template.priority,
                )
        for fire in fires:
            batch.fires.add(
                fire_id=uuid.UUID(fire.id).bytes,
                fire_ref=fire.ref,
                template_id=fire.template.id,
                due_us=fire.due_us,
                attempt=1,
            )
        self.send(dispatch=batch)

    async def until(self, what: str, condition: Callable[[], Any], timeout_s: float = 60) -> Any:
        """Awaits a condition on what was recorded."""
        async with self._changed:
            try:
                return await asyncio.wait_for(self._changed.wait_for(condition), timeout_s)
            except asyncio.TimeoutError:
                raise AssertionError(f"waited {timeout_s} s for {what}") from None


def id_bytes(fire: Fire) -> bytes:
    """As the protocol has it."""
    return uuid.UUID(fire.id).bytes
