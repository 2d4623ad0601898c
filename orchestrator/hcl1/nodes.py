"""The syntax tree."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """A place in the text; lines and columns count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


class SyntaxFailure(Exception):
    """The text is not HCL, or a value is not what its place wants. The message says where."""

    def __init__(self, position: Position, message: str) -> None:
        super().__init__(f"At {position}: {message}")


@dataclass(frozen=True)
class Literal:
    """A text, number or boolean. All are kept as text: what reads them knows which it wants."""

    text: str
    position: Position


@dataclass(frozen=True)
class Sequence:
    """`[…]`"""

    items: tuple["Node", ...]
    position: Position


@dataclass(frozen=True)
class Object:
    """`{…}`, or the whole document."""

    items: tuple["Item", ...]
    position: Position
    json: bool = False

    def matching(self, key: str) -> list["Item"]:
        """The items whose first key is this one (in any case of letters), without that key, in order."""
        return [
            Item(item.keys[1:], item.value, item.position)
            for item in self.items
            if item.keys and item.keys[0].casefold() == key.casefold()
        ]

    def labelled(self, kind: str) -> list[tuple[str, "Item"]]:
        """The blocks of a kind that have names: `kind "name" {…}`, in JSON `"kind": {"name": {…}}`. A block without a name
        has the empty one."""
        blocks: list[tuple[str, Item]] = []
        for item in self.matching(kind):
            value = item.value
            if item.keys:
                blocks.append((item.keys[0], Item(item.keys[1:], value, item.position)))
            elif self.json and isinstance(value, Object) and value.items and all(inner.holds_object for inner in value.items):
                blocks += [(inner.keys[0], Item((), inner.value, inner.position)) for inner in value.items]
            else:
                blocks.append(("", item))
        return blocks


@dataclass(frozen=True)
class Item:
    """`key "label" { … }` or `key = value`. `a b { }` is short for `a { b { } }`, so labels are keys too."""

    keys: tuple[str, ...]
    value: "Node"
    position: Position

    @property
    def holds_object(self) -> bool:
        return isinstance(self.value, Object)

    @property
    def content(self) -> "Node":
        """The value; keys that are left stand for blocks inside."""
        if not self.keys:
            return self.value
        return Object((Item(self.keys, self.value, self.position),), self.position)


Node = Literal | Sequence | Object
