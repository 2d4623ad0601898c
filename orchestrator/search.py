"""Search: contexts are kinds of objects, each with what is searched in it and who may.

A search by prefix looks at IDs (names of namespaces, paths of variables); a fuzzy search at any part of a name, for jobs also
of what is inside them, without regard to case. Kinds that this agent does not have are empty. Only what the caller may read is
found.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from nomad_api.models import Job
from orchestrator.acl.permissions import ACL, WorkloadClaims
from orchestrator.state.schema import State

LIMIT = 20
_ID = re.compile(r"(?=.*[0-9a-f]|$)[0-9a-f-]*", re.IGNORECASE)


@dataclass(frozen=True)
class Scope:
    """Whose search it is, and in which namespace (`*`: all)."""

    state: State
    acl: ACL
    namespace: str
    claims: WorkloadClaims | None

    def covers(self, namespace: str) -> bool:
        """Whether objects of a namespace may be found that need `read-job`."""
        return self.namespace in ("*", namespace) and self.acl.allow_namespace(namespace, "read-job")


@dataclass(frozen=True)
class Named:
    """Something that a fuzzy search finds: of which kind, its name, and what it is in, from the outside in."""

    kind: str
    name: str
    scope: tuple[str, ...] = ()

    def to_wire(self) -> dict[str, Any]:
        return {"ID": self.name, "Scope": list(self.scope)} if self.scope else {"ID": self.name}


@dataclass(frozen=True)
class Context:
    """One kind of objects.

    Attributes:
        tables: those whose changes change what is found.
        ids: what a search by prefix looks at.
        names: what a fuzzy search looks at; None where that looks at the beginning of IDs too.
        finds_ids: whether the objects have UUIDs; a text that cannot begin one is not searched for.
    """

    name: str
    tables: tuple[str, ...]
    allowed: Callable[[Scope], bool]
    ids: Callable[[Scope], Iterable[str]]
    names: Callable[[Scope], Iterable[Named]] | None = None
    finds_ids: bool = False

    def index(self, state: State) -> int:
        return max((state.tables[table].index for table in self.tables), default=0)

    def by_prefix(self, scope: Scope, prefix: str) -> tuple[list[str], bool]:
        """The IDs that begin so, at most `LIMIT`, and whether there are more."""
        wanted = prefix.lower() if self.finds_ids else prefix
        found = list(islice((item for item in self.ids(scope) if item.startswith(wanted)), LIMIT + 1))
        return found[:LIMIT], len(found) > LIMIT

    def by_part(self, scope: Scope, text: str) -> tuple[dict[str, list[dict[str, Any]]], bool]:
        """What has the text in its name, by kind, and whether there is more of any kind; the earlier in the name the better."""
        if self.names is None:
            ids, truncated = self.by_prefix(scope, text) if may_be_id(text) else ([], False)
            return {self.name: [Named(self.name, item).to_wire() for item in ids]}, truncated
        wanted = text.lower()
        found: dict[str, list[tuple[int, Named]]] = {}
        for named in self.names(scope):
            position = named.name.lower().find(wanted)
            if position >= 0:
                found.setdefault(named.kind, []).append((position, named))
        for matches in found.values():
            matches.sort(key=lambda match: (match[0], len(match[1].name), match[1].name))
        shown = {kind: [named.to_wire() for _, named in matches[:LIMIT]] for kind, matches in found.items()}
        return shown, any(len(matches) > LIMIT for matches in found.values())


def may_be_id(text: str) -> bool:
    """Whether a UUID may begin so."""
    return _ID.fullmatch(text) is not None


def _reads_jobs(scope: Scope) -> bool:
    if scope.namespace == "*":
        return scope.acl.allow_any_namespace("read-job")
    return scope.acl.allow_namespace(scope.namespace, "read-job")


def _reads_nodes(scope: Scope) -> bool:
    return scope.acl.allow_node("read")


def _of_jobs(table: str) -> Callable[[Scope], Iterator[str]]:
    """The IDs of a table whose objects belong to jobs."""

    def ids(scope: Scope) -> Iterator[str]:
        return (str(row.id) for row in scope.state.tables[table] if scope.covers(row.namespace))

    return ids


def _nothing(scope: Scope) -> Iterable[str]:
    return ()


def _no_names(scope: Scope) -> Iterable[Named]:
    return ()


def _jobs(scope: Scope) -> Iterator[Named]:
    for job in scope.state.jobs:
        if scope.covers(str(job.namespace)):
            yield from _inside(job)


def _inside(job: Job) -> Iterator[Named]:
    """A job and what is in it that has a name."""
    where = (str(job.namespace), str(job.id))
    yield Named("jobs", str(job.name), where)
    for group in job.task_groups or ():
        yield Named("groups", group.name, where)
        in_group = (*where, group.name)
        for service in group.services or ():
            yield Named("services", service.name, in_group)
        for task in group.tasks or ():
            yield Named("tasks", task.name, in_group)
            in_task = (*in_group, task.name)
            for service in task.services or ():
                yield Named("services", service.name, in_task)
            for kind, option in (("images", "image"), ("commands", "command"), ("classes", "class")):
                value = (task.config or {}).get(option)
                if isinstance(value, str):
                    yield Named(kind, value, in_task)


def _allocations(scope: Scope) -> Iterator[Named]:
    for alloc in scope.state.allocations:
        if scope.covers(alloc.namespace):
            yield Named("allocs", alloc.name, (alloc.namespace, alloc.id))


def _variables(scope: Scope) -> Iterator[Named]:
    for row in scope.state.variables:
        if scope.namespace in ("*", row.namespace) and scope.acl.allow_variable(row.namespace, row.path, "list", scope.claims):
            yield Named("vars", row.path, (row.namespace, row.path))


def _namespaces(scope: Scope) -> Iterator[Named]:
    return (Named("namespaces", row.name) for row in scope.state.namespaces if scope.acl.allow_any_in_namespace(row.name))


def _node_pools(scope: Scope) -> Iterator[Named]:
    return (Named("node_pools", pool, (pool,)) for pool in ("all", "default") if scope.acl.allow_node_pool(pool, "read"))


CONTEXTS = {
    context.name: context
    for context in (
        Context("allocs", ("allocations",), _reads_jobs, _of_jobs("allocations"), _allocations, finds_ids=True),
        Context("jobs", ("jobs",), _reads_jobs, _of_jobs("jobs"), _jobs),
        Context(
            "nodes",
            ("nodes",),
            _reads_nodes,
            lambda scope: (row.id for row in scope.state.nodes),
            lambda scope: (Named("nodes", row.name, (row.id,)) for row in scope.state.nodes),
            finds_ids=True,
        ),
        Context(
            "node_pools",
            ("nodes",),
            lambda scope: any(True for _ in _node_pools(scope)),
            lambda scope: (named.name for named in _node_pools(scope)),
            _node_pools,
        ),
        Context("evals", ("evaluations",), _reads_jobs, _of_jobs("evaluations"), finds_ids=True),
        Context("deployment", ("deployments",), _reads_jobs, _of_jobs("deployments"), finds_ids=True),
        Context("plugins", (), lambda scope: scope.acl.allow_plugin("list"), _nothing, _no_names),
        Context("volumes", (), _reads_jobs, _nothing),
        Context("scaling_policy", (), _reads_jobs, _nothing),
        Context(
            "vars",
            ("variables",),
            lambda scope: scope.acl.allow_variable_search(scope.namespace),
            lambda scope: (named.name for named in _variables(scope)),
            _variables,
        ),
        Context(
            "namespaces",
            ("namespaces",),
            lambda scope: any(True for _ in _namespaces(scope)),
            lambda scope: (named.name for named in _namespaces(scope)),
            _namespaces,
        ),
        Context("host_volumes", (), _reads_jobs, _nothing),
    )
}
