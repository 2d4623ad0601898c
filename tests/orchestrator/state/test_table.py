"""One table: keys in order, prefixes, secondary indexes."""

from hypothesis import given
from hypothesis import strategies as st

from nomad_api.models import Allocation
from orchestrator.state.records import SealedVariable
from orchestrator.state.schema import ALLOCATIONS, VARIABLES
from orchestrator.state.table import Table

PATHS = st.text(alphabet="ab/", min_size=1, max_size=6)


def _variable(path: str, namespace: str = "default") -> SealedVariable:
    return SealedVariable(namespace=namespace, path=path)


def _put(table: Table[SealedVariable], variable: SealedVariable) -> None:
    table._set((variable.namespace, variable.path), variable)


@given(st.lists(st.tuples(PATHS, st.booleans())), PATHS)
def test_a_prefix_scan_finds_what_a_look_at_every_row_finds(changes: list[tuple[str, bool]], prefix: str) -> None:
    table = Table(VARIABLES)
    model: set[str] = set()
    for path, present in changes:
        if present:
            _put(table, _variable(path))
            model.add(path)
        else:
            table._set(("default", path), None)
            model.discard(path)
    assert [row.path for row in table] == sorted(model)
    assert [row.path for row in table.prefixed("default", prefix)] == sorted(path for path in model if path.startswith(prefix))


def test_a_prefix_stays_inside_its_namespace() -> None:
    table = Table(VARIABLES)
    for namespace in ("a", "b", "c"):
        _put(table, _variable("x/1", namespace))
    assert [row.namespace for row in table.prefixed("b", "x")] == ["b"]


def test_a_row_is_found_by_what_it_is_now_and_no_more_by_what_it_was() -> None:
    table = Table(ALLOCATIONS)
    alloc = Allocation(id="1", node_id="n1", namespace="default", job_id="web")
    table._set(("1",), alloc)
    table._set(("1",), alloc.evolve(node_id="n2"))
    assert table.by("node", "n1") == []
    assert [row.id for row in table.by("node", "n2")] == ["1"]
    table._set(("1",), None)
    assert table.by("job", ("default", "web")) == []
    assert len(table) == 0
