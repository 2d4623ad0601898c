"""Differences of blocks: which blocks a job's groups and tasks have, how old and new ones are paired, and what is in them.

What can be said in a table is: for each model its name in a diff, the fields that do not count, and its inner blocks.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nomad_api.models.base import Wire
from nomad_api.models.job import (
    Action,
    ChangeScript,
    CheckRestart,
    DNSConfig,
    Network,
    Parameterized,
    Periodic,
    Port,
    RequestedDevice,
    Resources,
    Service,
    ServiceCheck,
    Template,
    TemplateWait,
    VolumeMount,
    WorkloadIdentity,
)
from orchestrator.jobs.diff.fields import Diff, field_diffs, flat, flat_data, object_diff, set_diff

Pairs = Iterable[tuple[Any, Any]]
Pairing = Callable[[Sequence[Any], Sequence[Any]], Pairs]

_TYPE_ORDER: Final = {"Edited": 0, "Added": 1, "Deleted": 2, "None": 3}


def by_key(key: Callable[[Any], Hashable]) -> Pairing:
    """Pair blocks with the same key."""

    def pairs(old: Sequence[Any], new: Sequence[Any]) -> Pairs:
        before, after = {key(each): each for each in old}, {key(each): each for each in new}
        for each in {**before, **after}:
            yield before.get(each), after.get(each)

    return pairs


def by_position(old: Sequence[Any], new: Sequence[Any]) -> Pairs:
    """Pair the first with the first, the second with the second."""
    for position in range(max(len(old), len(new))):
        yield (
            old[position] if position < len(old) else None,
            new[position] if position < len(new) else None,
        )


def by_likeness(score: Callable[[Any, Any, bool], int], threshold: int) -> Pairing:
    """Pair what is most alike; one old and one new block are always a pair."""

    def pairs(old: Sequence[Any], new: Sequence[Any]) -> Pairs:
        if len(old) == len(new) == 1:
            yield old[0], new[0]
            return
        left = dict(enumerate(new))
        for position, each in enumerate(old):
            scores = {key: score(each, other, key == position) for key, other in left.items()}
            best = max(scores, key=lambda key: scores[key], default=None)
            if best is None or scores[best] <= threshold:
                yield each, None
            else:
                yield each, left.pop(best)
        for other in left.values():
            yield None, other

    return pairs


def _content(block: Wire) -> bytes:
    return block.evolve().to_json()


def _service_likeness(old: Service, new: Service, same_position: bool) -> int:
    return same_position + 2 * (old.port_label == new.port_label) + 3 * (old.name == new.name)


@dataclass(frozen=True)
class Inner:
    """A list of blocks, or one block (no pairing), inside a block."""

    field: str
    name: str
    pairing: Pairing | None = None
    skip: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shape:
    """How a block looks in a diff."""

    skip: tuple[str, ...] = ()
    sets: tuple[tuple[str, str], ...] = ()
    """Lists of texts whose order does not matter: field and name."""
    joined: tuple[str, ...] = ()
    """Lists of texts that are one value."""
    data: tuple[tuple[str, str], ...] = ()
    """Free-form data: field and name."""
    inner: tuple[Inner, ...] = ()


_SHAPES: Final[dict[type[Wire], Shape]] = {
    Action: Shape(sets=(("args", "Args"),)),
    ChangeScript: Shape(sets=(("args", "Args"),)),
    CheckRestart: Shape(),
    DNSConfig: Shape(joined=("servers", "searches", "options")),
    Network: Shape(
        skip=("device", "cidr", "ip", "mbits"),
        inner=(
            Inner("reserved_ports", "Static Port", by_key(lambda port: port.label)),
            Inner("dynamic_ports", "Dynamic Port", by_key(lambda port: port.label), skip=("value", "ignore_collision")),
            Inner("dns", "DNS"),
        ),
    ),
    Parameterized: Shape(sets=(("meta_optional", "MetaOptional"), ("meta_required", "MetaRequired"))),
    Periodic: Shape(sets=(("specs", "Specs"),)),
    Port: Shape(),
    RequestedDevice: Shape(),
    Resources: Shape(
        inner=(
            Inner("networks", "Network", by_key(_content)),
            Inner("devices", "Device", by_key(_content)),
            Inner("numa", "NUMA"),
        )
    ),
    Service: Shape(
        sets=(("canary_tags", "CanaryTags"), ("tags", "Tags")),
        data=(("connect", "ConsulConnect"), ("weights", "Weights")),
        inner=(Inner("checks", "Check", by_key(lambda check: check.name)), Inner("identity", "Identity")),
    ),
    ServiceCheck: Shape(data=(("header", "Header"),), inner=(Inner("check_restart", "CheckRestart"),)),
    Template: Shape(inner=(Inner("wait", "Template"), Inner("change_script", "ChangeScript"))),
    TemplateWait: Shape(),
    VolumeMount: Shape(),
    WorkloadIdentity: Shape(sets=(("audience", "Audience"),)),
}

SERVICES = by_likeness(_service_likeness, 2)
TEMPLATES = by_likeness(lambda old, new, _: old.dest_path == new.dest_path, 0)
CONTENT = by_key(_content)


def block(name: str, old: Wire | None, new: Wire | None, skip: tuple[str, ...] = (), extra: Any = None) -> Diff | None:
    """The difference of two blocks, None if there is none. `extra` adds values that the model does not have."""
    if _same(old, new):
        return None
    shape = _SHAPES.get(type(old or new), Shape())  # type: ignore[arg-type]
    kind = "Added" if old is None else "Deleted" if new is None else "Edited"
    hidden = (*shape.skip, *skip)
    values = [flat(each, hidden) | _joined(each, shape) | (extra(each) if extra and each else {}) for each in (old, new)]
    objects = [
        *(set_diff(label, getattr(old, field, None), getattr(new, field, None), context=True) for field, label in shape.sets),
        *(data(label, getattr(old, field, None), getattr(new, field, None)) for field, label in shape.data),
        *(each for inner in shape.inner for each in _inner(inner, old, new)),
    ]
    return object_diff(name, kind, field_diffs(*values, context=True), [each for each in objects if each])


def blocks(
    name: str,
    old: Sequence[Wire] | None,
    new: Sequence[Wire] | None,
    pairing: Pairing,
    skip: tuple[str, ...] = (),
    extra: Any = None,
) -> list[Diff]:
    """The differences of two lists of blocks, edited ones first."""
    found = [block(name, *pair, skip=skip, extra=extra) for pair in pairing(old or (), new or ())]
    return sorted((diff for diff in found if diff), key=order)


def data(name: str, old: Any, new: Any) -> Diff | None:
    """The difference of free-form data such as a driver's configuration."""
    if (old or None) == (new or None):
        return None
    kind = "Added" if not old else "Deleted" if not new else "Edited"
    return object_diff(name, kind, field_diffs(flat_data(old or {}), flat_data(new or {}), context=True))


def plain_block(name: str, old: Wire | None, new: Wire | None, skip: tuple[str, ...] = ()) -> Diff | None:
    """The difference of two blocks of plain values; its type follows from those of its fields."""
    fields = field_diffs(flat(old, skip), flat(new, skip), context=True)
    kinds = {field["Type"] for field in fields} - {"None"}
    if not kinds:
        return None
    return object_diff(name, kinds.pop() if len(kinds) == 1 else "Edited", fields)


def order(diff: Diff) -> tuple[Any, ...]:
    """The place of an object among others: by name, then edited, added, deleted, then by how much is in it."""
    fields, objects = diff["Fields"] or [], diff["Objects"] or []
    return (
        diff["Name"],
        _TYPE_ORDER[diff["Type"]],
        len(fields),
        len(objects),
        [(field["Name"], field["Old"], field["New"]) for field in fields],
    )


def _inner(inner: Inner, old: Wire | None, new: Wire | None) -> Iterator[Diff | None]:
    before, after = getattr(old, inner.field, None), getattr(new, inner.field, None)
    if inner.pairing is None:
        yield block(inner.name, before, after, inner.skip)
    else:
        yield from blocks(inner.name, before, after, inner.pairing, inner.skip)


def _joined(model: Wire | None, shape: Shape) -> dict[str, str]:
    if model is None:
        return {}
    fields = type(model).model_fields
    return {fields[name].alias or name: ",".join(values) for name in shape.joined if (values := getattr(model, name))}


def _same(old: Wire | None, new: Wire | None) -> bool:
    return old is new or (old is not None and new is not None and old.evolve() == new.evolve())
