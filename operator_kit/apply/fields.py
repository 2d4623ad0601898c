"""Fields of an object and whose they are: the rules of Kubernetes' server-side apply, for objects that Nomad keeps whole.

An object is a tree of maps. A field is a path in it: maps are entered, all else (a list, too) is one value. Who applies a wish
owns the fields that stand in it. What he owned last time and left out now is removed; what he never owned stays as it is,
whoever set it; and a field that has another value by another owner's will is a conflict.

Nomad remembers no owners of fields, so whoever applies keeps the texts of his paths: `Description`, `Meta[team]`.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

Path = tuple[str, ...]
Tree = Mapping[str, Any]

_NAME: Final = re.compile(r"[A-Z][A-Za-z0-9]*")


def text_of(path: Path) -> str:
    """A path as a person reads it, as Nomad's own differences have it: `Capabilities.EnabledTaskDrivers`, `Meta[team]`."""
    head, *rest = path
    return head + "".join(f".{part}" if _NAME.fullmatch(part) else f"[{part}]" for part in rest)


def fields_of(tree: Tree) -> dict[Path, Any]:
    """The values of a tree by their paths. What is None, or an empty map, is not there."""
    return dict(_fields(tree, ()))


def merged(live: Tree, wanted: Tree, owned: Collection[str]) -> dict[str, Any]:
    """The live tree with the wanted fields set, and those removed that were `owned` before and are wanted no more."""
    kept = {path: value for path, value in fields_of(live).items() if text_of(path) not in owned}
    return _tree({**kept, **fields_of(wanted)})


def differences(before: Tree, after: Tree) -> list[str]:
    """The fields that are not the same in two trees, sorted."""
    old, new = fields_of(before), fields_of(after)
    return sorted(text_of(path) for path in old.keys() | new.keys() if old.get(path) != new.get(path))


def conflicts(live: Tree, wanted: Tree, owned: Collection[str]) -> list[str]:
    """The fields that are there with another value than the wanted one, and were not `owned` before; sorted."""
    present = fields_of(live)
    return sorted(
        text_of(path)
        for path, value in fields_of(wanted).items()
        if path in present and present[path] != value and text_of(path) not in owned
    )


def restricted(tree: Tree, given: Tree) -> dict[str, Any]:
    """Of a tree, only the fields that another one gives: the whole values of what was named."""
    return {
        key: restricted(value, given[key]) if isinstance(value, Mapping) and isinstance(given[key], Mapping) else value
        for key, value in tree.items()
        if key in given
    }


def _fields(tree: Tree, above: Path) -> Iterator[tuple[Path, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _fields(value, (*above, key))
        elif value is not None:
            yield (*above, key), value


def _tree(fields: Mapping[Path, Any]) -> dict[str, Any]:
    """The tree with these fields. Of two that cannot both be, one below the other, the later one stays."""
    tree: dict[str, Any] = {}
    for path, value in fields.items():
        place = tree
        for part in path[:-1]:
            inner = place.get(part)
            place[part] = place = inner if isinstance(inner, dict) else {}
        place[path[-1]] = value
    return tree
