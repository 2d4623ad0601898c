"""`get` and `describe`: custom resources and what their operators say of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nomadctl.failure import Failure
from nomadctl.framework import Call, command, flag, option, takes
from nomadctl.output import ago, cell, heading, instant, pairs, quoted, table
from nomadctl.resources import Found, find_all, find_kind, find_kinds, find_one, parse_selector, published_kinds
from nomadctl.structured import structured

if TYPE_CHECKING:
    from operator_kit.crd_store.schema import PublishedKind


@command(
    "get",
    takes(0, 2, "This command takes a kind and a name: <kind> [<name>]"),
    option("selector", "Only resources with these labels and selectable fields: team=core,env!=dev,spec.mode=x."),
    flag("json", "As JSON."),
    option("t", "A Go template for the output."),
)
async def get(call: Call, wanted: str = "", name: str = "", *, selector: str | None, json: bool, t: str | None) -> None:
    """List the resources of a kind, or of all kinds of a category; one resource; or the kinds that operators have published."""
    if not wanted:
        kinds = await published_kinds(call.nomad)
        rows = [
            (k.kind, k.group, ",".join(version.name for version in k.versions), ",".join(k.short_names), k.producer)
            for k in kinds
        ]
        titles = ("Kind", "Group", "Versions", "Short Names", "Producer")
        call.out(table([titles, *rows]) if rows else "No kinds published; see: nomadctl operator list")
        return
    if name:
        kind = await find_kind(call.nomad, wanted)
        listed = [(kind, [await _one(call, kind, name)])]
    else:
        kinds = await find_kinds(call.nomad, wanted)
        listed = [(kind, await _selected(call, kind, selector or "")) for kind in kinds]
    if json or t:
        data = [_plain(kind, one) for kind, found in listed for one in found]
        call.out(structured(json, t, data[0] if name else data))
        return
    shown = [(kind, found) for kind, found in listed if found]
    if not shown:
        call.out(f"No resources of {'kind' if len(listed) == 1 else 'the kinds'} {_names(kind for kind, _ in listed)} found")
    for kind, found in shown:
        heads = ["Name", "Ready", "Reason", *kind.columns, "Age"]
        lines = [[one.name, *one.readiness, *(one.column(path) for path in kind.columns.values()), _age(one)] for one in found]
        rows = table([heads, *lines])
        call.out(rows if len(listed) == 1 else f"{heading(f'{kind.group}/{kind.kind}')}\n{rows}")


@command("describe", takes(2, 2, "This command takes two arguments: <kind> and <name>"))
async def describe(call: Call, wanted: str, name: str) -> None:
    """Show a resource in full: spec, conditions, what was made for it, and recent events."""
    kind = await find_kind(call.nomad, wanted)
    one = await _one(call, kind, name)
    status, applied = one.status, one.status.last_applied
    rows: list[tuple[str, object]] = [
        ("Name", one.name),
        ("Kind", f"{kind.group}/{kind.kind}"),
        *([("Version", applied.written_as)] if applied and applied.written_as else []),
        ("Generation", one.resource.modify_index if one.resource else "deleted"),
        ("Observed Generation", status.observed_generation or ""),
        ("Created", instant(one.resource.create_time) if one.resource else ""),
        ("Modified", instant(one.resource.modify_time) if one.resource else ""),
        *((key, cell(value)) for key, value in sorted(one.details.items())),
    ]
    call.out(pairs(rows))
    spec = [(key, _brief(value)) for key, value in sorted(one.spec.items()) if value is not None]
    if spec:
        call.out(f"{heading('Spec')}\n{pairs(spec)}")
    conditions = [(c.type, c.status, c.reason, _since(c.last_transition_time), c.message) for c in status.conditions]
    titles = ("Type", "Status", "Reason", "Since", "Message")
    listed = table([titles, *conditions]) if conditions else "None yet: no operator has seen the resource"
    call.out(f"{heading('Conditions')}\n{listed}")
    if status.owned:
        owned = [(thing.kind, thing.id, thing.namespace) for thing in status.owned]
        call.out(f"{heading('Owned')}\n{table([('Kind', 'ID', 'Namespace'), *owned])}")
    if status.events:
        events = [(_since(e.last_seen), e.type, e.reason, e.count, e.message) for e in reversed(status.events)]
        call.out(f"{heading('Events')}\n{table([('Last Seen', 'Type', 'Reason', 'Count', 'Message'), *events])}")


async def _selected(call: Call, kind: "PublishedKind", text: str) -> list[Found]:
    selector = parse_selector(text, kind)
    return [one for one in await find_all(call.nomad, kind) if selector.matches(one.labels, one.column)]


def _names(kinds: "Iterable[PublishedKind]") -> str:
    return ", ".join(f"{kind.group}/{kind.kind}" for kind in kinds)


async def _one(call: Call, kind: "PublishedKind", name: str) -> Found:
    found = await find_one(call.nomad, kind, name)
    if found is None:
        raise Failure(f"No {kind.group}/{kind.kind} {quoted(name)} found")
    return found


def _age(one: Found) -> str:
    return ago(one.resource.create_time).removesuffix(" ago") if one.resource else ""


def _since(time: datetime) -> str:
    return ago(int(time.timestamp()) * 10**9)


def _brief(value: Any) -> str:
    """A value on one line: the first line of a longer text, and how much follows."""
    text = cell(value) if not isinstance(value, dict | list) else structured(True, None, value).replace("\n", " ")
    text = " ".join(text.split()) if isinstance(value, dict | list) else text
    first, _, rest = text.strip().partition("\n")
    return f"{first} … ({len(rest.splitlines())} more lines)" if rest else first


def _plain(kind: "PublishedKind", one: Found) -> dict[str, Any]:
    """A resource for programs."""
    return {
        "Group": kind.group,
        "Kind": kind.kind,
        "Name": one.name,
        "Generation": one.resource.modify_index if one.resource else 0,
        "Deleting": one.deleting,
        "Spec": dict(one.spec),
        "Status": {**one.status.model_dump(mode="json", by_alias=True), **one.details},
    }
