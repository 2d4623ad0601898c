"""Routes of the in-memory Nomad as a table: what is answered to which request, and which changes wake a blocking query.

A handler gets a `Request` and gives the value of the answer, or raises `Refused`. Whether it blocks is declared beside it, not
coded in it: a read names the tables that its answer depends on.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from operator_kit.testing.state import DEFAULT, Cluster, Row, key_of

EVERYWHERE: Final = "*"


class Refused(Exception):
    """An answer that is not a success: status, and text or JSON."""

    def __init__(self, status: int, body: str | Row) -> None:
        super().__init__(body)
        self.status = status
        self.body = body


@dataclass(slots=True)
class Request:
    """A request on its way to a handler.

    Attributes:
        ids: what stands in the path where the route has `{}`, decoded.
        namespace: that of the query; `*` in lists means all.
    """

    cluster: Cluster
    ids: tuple[str, ...] = ()
    params: dict[str, Any] = field(default_factory=dict)
    body: Row = field(default_factory=dict)
    namespace: str = DEFAULT

    @property
    def id(self) -> str:
        return self.ids[0]

    @property
    def key(self) -> str:
        """The key of the row that the path names."""
        return key_of(self.namespace, self.ids[0])

    def flag(self, name: str) -> bool:
        """Whether a boolean parameter is given and true."""
        return str(self.params.get(name, "")).lower() in ("true", "1", "t")

    def listed(self, rows: Iterable[Row], name: str) -> list[Row]:
        """Of these rows those of the namespace whose field `name` begins with the parameter `prefix`, in its order."""
        prefix = self.params.get("prefix") or ""
        wanted = [row for row in rows if self._is_here(row) and row[name].startswith(prefix)]
        return sorted(wanted, key=lambda row: (row.get("Namespace", ""), row[name]))

    def _is_here(self, row: Row) -> bool:
        return self.namespace == EVERYWHERE or row.get("Namespace", self.namespace) == self.namespace


Handler = Callable[[Request], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """Attributes:
    methods: by which it may be called, as Nomad takes them.
    path: below `/v1/`; `{}` stands for an ID, which may hold slashes.
    tables: those whose change wakes a blocking query, empty for what does not block.
    one: whether the answer is one object, and its index the object's own.
    """

    methods: str
    path: str
    handler: Handler
    tables: tuple[str, ...] = ()
    one: bool = False

    def watched(self, request: Request) -> tuple[str, ...]:
        """The names whose changes may change the answer."""
        if self.one:
            return tuple(f"{table}/{request.id}" for table in self.tables)
        prefix = request.params.get("prefix") or ""
        return tuple(f"{table}/{prefix}" if table == "variables" else table for table in self.tables)

    def index(self, request: Request, value: Any) -> int:
        """The answer's index: of the object, or of the tables."""
        if self.one and value:
            return int(value["ModifyIndex"])
        return max((request.cluster.indexes.get(table, 0) for table in self.tables), default=request.cluster.index)


class Router:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes: dict[str, list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            pattern = re.compile(re.escape(route.path).replace(r"\{\}", "(.+)"), re.DOTALL)
            self._routes.setdefault(route.path.partition("/")[0], []).append((pattern, route))

    def find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]]:
        """The route and the IDs in the path (which is decoded, without `/v1/`); the first that fits, in the table's order.

        Raises:
            Refused: there is none, or not by that method.
        """
        known = False
        for pattern, route in self._routes.get(path.partition("/")[0], ()):
            if (match := pattern.fullmatch(path)) is not None:
                if method in route.methods:
                    return route, match.groups()
                known = True
        if known:
            raise Refused(400 if path.startswith("var") else 405, "Invalid method")
        raise Refused(404, "")
