"""The state of the in-memory Nomad: tables of rows under one rising index, and who waits for changes.

Deterministic: IDs are counted, nothing is random, and time is the event loop's. A row is an object as the API shows it. What
acts on the rows stands in other modules, one for each kind of thing; all of them change the state by the same three steps:
`change` takes the next index and wakes who waits, the rows are put, `publish` tells the event stream.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from operator_kit.testing.stream import Stream

BUFFER: Final = 100
"""Batches of events that are kept for late subscribers, as by Nomad."""

DEFAULT: Final = "default"

Row = dict[str, Any]


def key_of(namespace: str, id: str) -> str:
    """The key of a row in its table: the ID, followed by the namespace where that is not the default one."""
    return id if namespace == DEFAULT else f"{id}@{namespace}"


class Cluster:
    """What several clients of one in-memory Nomad share.

    Attributes:
        index: of the last change.
        indexes: that of the last change of each table.
        variables, jobs, allocations, deployments, evaluations, services, nodes, node_pools, namespaces, policies, host_volumes,
            csi_volumes: the rows by `key_of` namespace and ID.
        versions: by key of a job, its versions, the newest first.
        expired_locks: keys of variables whose lock its holder has lost, and nobody can have yet.
        logs: output of tasks, by allocation.
        healthy_after: seconds until a placed allocation is healthy; None leaves that to the test (`make_healthy`).
        batch_takes: seconds until the tasks of a batch job have ended well; None leaves that to the test (`complete`).
        execute: runs commands inside tasks: gets allocation, task and command, gives exit code and output.
        variable_topic: whether the stream tells of variables, as Nomad does from 2.0 on.
        deaf: while true, events are lost without a sign.
        requests: method and path of every request so far.
        hidden: prefix of variables that the token may not see: missing in lists, 403 when read, no events.
        fault: called with method and path before every request; what it raises is the answer.
    """

    def __init__(
        self, *, healthy_after: float | None = 1.0, batch_takes: float | None = 1.0, variable_topic: bool = True
    ) -> None:
        self.healthy_after = healthy_after
        self.batch_takes = batch_takes
        self.variable_topic = variable_topic
        self.deaf = False
        self.fault: Callable[[str, str], None] | None = None
        self.execute: Callable[[str, str, list[str]], tuple[int, bytes]] = lambda allocation, task, command: (0, b"")
        self.hidden = ""
        self.requests: list[tuple[str, str]] = []
        self.logs: dict[str, bytes] = {}
        self.timers: dict[str, asyncio.TimerHandle] = {}
        self.expired_locks: set[str] = set()
        self.variables: dict[str, Row] = {}
        self.jobs: dict[str, Row] = {}
        self.versions: dict[str, list[Row]] = {}
        self.allocations: dict[str, Row] = {}
        self.deployments: dict[str, Row] = {}
        self.evaluations: dict[str, Row] = {}
        self.services: dict[str, Row] = {}
        self.nodes: dict[str, Row] = {}
        self.node_pools: dict[str, Row] = {}
        self.namespaces: dict[str, Row] = {}
        self.policies: dict[str, Row] = {}
        self.host_volumes: dict[str, Row] = {}
        self.csi_volumes: dict[str, Row] = {}
        self._ids = itertools.count(1)
        self._waiters: dict[str, list[asyncio.Future[None]]] = {}
        self._streams: list[Stream] = []
        self._buffer: deque[Row] = deque(maxlen=BUFFER)
        self._begin()

    def _begin(self) -> None:
        self.index = 1
        self.indexes = dict.fromkeys(("namespaces", "node_pools", "nodes", "variables", "policies", "host_volumes"), 1)
        first = {"CreateIndex": 1, "ModifyIndex": 1, "Meta": None}
        self.namespaces[DEFAULT] = {"Name": DEFAULT, "Description": "Default shared namespace", **first}
        self.node_pools["all"] = {"Name": "all", "Description": "Node pool with all nodes in the cluster.", **first}
        self.node_pools[DEFAULT] = {"Name": DEFAULT, "Description": "Default node pool.", **first}
        self.add_node("node-1")

    def add_node(self, name: str, *, pool: str = DEFAULT) -> Row:
        """A ready node; the one that is there from the start is `node-1`."""
        index = self.change("nodes") if self.nodes else self.index
        node: Row = {
            "ID": self.new_id(),
            "Name": name,
            "Datacenter": "dc1",
            "NodePool": pool,
            "NodeClass": "",
            "Status": "ready",
            "SchedulingEligibility": "eligible",
            "Drain": False,
            "Attributes": {"kernel.name": "linux"},
            "Meta": {},
            "CreateIndex": index,
            "ModifyIndex": index,
        }
        self.nodes[node["ID"]] = node
        self.publish("Node", "NodeRegistration", node["ID"], {"Node": node}, namespace="")
        return node

    def new_id(self) -> str:
        """An ID that no other object has: a UUID, counted."""
        number = next(self._ids)
        return str(UUID(int=(number << 96) | number))

    def change(self, *touched: str) -> int:
        """Begin a change of these tables or rows (`jobs`, `variables/<path>`), whose waiters wake up after it; its index."""
        self.index += 1
        for name in touched:
            self.indexes[name.partition("/")[0]] = self.index
            self._wake(name)
        return self.index

    async def changed(self, watched: tuple[str, ...], seconds: float) -> bool:
        """Wait until something changes whose name begins so; False if nothing did in time."""
        waiter = asyncio.get_running_loop().create_future()
        for name in watched:
            self._waiters.setdefault(name, []).append(waiter)
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            return False
        finally:
            for name in watched:
                self._forget(name, waiter)
        return True

    def subscribe(self, stream: Stream, index: int) -> None:
        """Let a new subscriber have what comes, beginning with what the buffer still holds from that index on."""
        for batch in self._buffer:
            if batch["Index"] >= index:
                stream.offer(batch)
        self._streams.append(stream)

    def unsubscribe(self, stream: Stream) -> None:
        self._streams.remove(stream)

    def cut_streams(self) -> None:
        """End every event stream, as a restarted server does."""
        for stream in self._streams:
            stream.close()

    def is_hidden(self, path: str) -> bool:
        """Whether the token may not see that variable."""
        return bool(self.hidden) and path.startswith(self.hidden)

    def forget_everything(self) -> None:
        """Begin anew with nothing and at the first index, as a development agent does after a restart."""
        tables: list[Any] = [self.variables, self.jobs, self.versions, self.allocations, self.deployments, self.evaluations]
        tables += [self.services, self.nodes, self.node_pools, self.namespaces, self.policies]
        for table in [*tables, self.host_volumes, self.csi_volumes, self._buffer]:
            table.clear()
        for timer in self.timers.values():
            timer.cancel()
        self.timers.clear()
        self.expired_locks.clear()
        self._begin()
        self.cut_streams()
        self._wake("")

    def publish(
        self, topic: str, type: str, key: str, payload: Row, *filter_keys: str, namespace: str = DEFAULT, index: int = 0
    ) -> None:
        """Tell the subscribers of the change that has just been made, of `index` or the last one."""
        if self.deaf or (topic == "Variable" and (not self.variable_topic or self.is_hidden(key))):
            return
        event = {
            "Topic": topic,
            "Type": type,
            "Key": key,
            "Namespace": namespace,
            "FilterKeys": list(filter_keys),
            "Index": index or self.index,
            "Payload": payload,
        }
        batch = {"Index": index or self.index, "Events": [event]}
        self._buffer.append(batch)
        for stream in self._streams:
            stream.offer(batch)

    def _wake(self, touched: str) -> None:
        for watched in [name for name in self._waiters if touched.startswith(name) or name.startswith(touched)]:
            for waiter in self._waiters.pop(watched):
                if not waiter.done():
                    waiter.set_result(None)

    def _forget(self, name: str, waiter: "asyncio.Future[None]") -> None:
        if waiter in (waiters := self._waiters.get(name, [])):
            waiters.remove(waiter)
            if not waiters:
                del self._waiters[name]
