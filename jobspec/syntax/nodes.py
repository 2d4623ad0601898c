"""The syntax tree of HCL: a body of attributes and blocks, and expressions.

Every node knows its range; `start` is the part a message about its value points at (the operator of a call, the
first name of a reference), as Nomad's messages do.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from jobspec.diagnostics import Range
from jobspec.values import Value


@dataclass(slots=True)
class Expression:
    range: Range

    @property
    def start(self) -> Range:
        return self.range


@dataclass(slots=True)
class Literal(Expression):
    value: Value


@dataclass(slots=True)
class Step:
    """One step of a traversal: `.name`, or `[key]` with a constant key."""

    range: Range
    name: str = ""
    key: Value | None = None


@dataclass(slots=True)
class Reference(Expression):
    """A name in scope and the steps behind it: `var.image`, `attr.kernel.name`."""

    root: str
    root_range: Range
    steps: list[Step] = field(default_factory=list)


@dataclass(slots=True)
class Traversal(Expression):
    """Constant steps from the value of an expression."""

    source: Expression
    steps: list[Step]


@dataclass(slots=True)
class Index(Expression):
    collection: Expression
    key: Expression
    brackets: Range

    @property
    def start(self) -> Range:
        return Range(self.brackets.source, self.brackets.start, self.brackets.start + 1)


@dataclass(slots=True)
class SplatItem(Expression):
    """The element a splat is at: a name only the evaluator knows."""


@dataclass(slots=True)
class Splat(Expression):
    source: Expression
    each: Expression
    item: SplatItem
    marker: Range

    @property
    def start(self) -> Range:
        return self.marker


@dataclass(slots=True)
class Parentheses(Expression):
    inner: Expression

    @property
    def start(self) -> Range:
        return self.inner.start


@dataclass(slots=True)
class Call(Expression):
    name: str
    name_range: Range
    arguments: list[Expression]
    expand_last: bool
    open: Range
    close: Range

    @property
    def start(self) -> Range:
        return self.name_range.to(self.open)


@dataclass(slots=True)
class Conditional(Expression):
    condition: Expression
    if_true: Expression
    if_false: Expression

    @property
    def start(self) -> Range:
        return self.condition.start


@dataclass(slots=True)
class Binary(Expression):
    operator: str
    left: Expression
    right: Expression

    @property
    def start(self) -> Range:
        return self.left.start


@dataclass(slots=True)
class Unary(Expression):
    operator: str
    operand: Expression
    symbol: Range

    @property
    def start(self) -> Range:
        return self.symbol


@dataclass(slots=True)
class Tuple(Expression):
    items: list[Expression]
    open: Range

    @property
    def start(self) -> Range:
        return self.open


@dataclass(slots=True)
class ObjectKey(Expression):
    """A key of an object: a bare name is the text itself, unless it stands in parentheses."""

    inner: Expression
    parenthesized: bool

    @property
    def start(self) -> Range:
        return self.inner.start


@dataclass(slots=True)
class Object(Expression):
    items: list[tuple[ObjectKey, Expression]]
    open: Range

    @property
    def start(self) -> Range:
        return self.open


@dataclass(slots=True)
class For(Expression):
    """`key` is None when a tuple is built."""

    key_name: str
    value_name: str
    collection: Expression
    key: Expression | None
    value: Expression
    condition: Expression | None
    grouped: bool
    open: Range
    close: Range

    @property
    def start(self) -> Range:
        return self.open


@dataclass(slots=True)
class Template(Expression):
    parts: list[Expression]

    @property
    def start(self) -> Range:
        return self.parts[0].start

    @property
    def is_literal(self) -> bool:
        return len(self.parts) == 1 and isinstance(self.parts[0], Literal)


@dataclass(slots=True)
class Wrapped(Expression):
    """A template that is nothing but one interpolation: its value is the inner value, whatever its type."""

    inner: Expression


@dataclass(slots=True)
class JsonText(Expression):
    """A string of a JSON document: a template, but plain text where nothing can be referred to, and an expression
    where one is looked for. `inside` is the text between the quotes, with escapes resolved."""

    inside: Range

    @property
    def text(self) -> str:
        return self.inside.text


@dataclass(slots=True)
class Joined(Expression):
    """The text of a `%{ for }` directive: the pieces of the loop, joined."""

    loop: For

    @property
    def start(self) -> Range:
        return self.loop.open


@dataclass(slots=True)
class Attribute:
    name: str
    expression: Expression
    range: Range
    name_range: Range


@dataclass(slots=True)
class Block:
    type: str
    labels: list[str]
    body: Body
    type_range: Range
    label_ranges: list[Range]
    open: Range
    close: Range

    @property
    def header(self) -> Range:
        """Type and labels, what messages call the block's definition."""
        return self.type_range.to(self.label_ranges[-1]) if self.label_ranges else self.type_range


@dataclass(slots=True)
class Body:
    """What stands between the braces of a block, or in a file; `attributes` in the order of the text."""

    attributes: dict[str, Attribute]
    blocks: list[Block]
    range: Range

    @property
    def missing(self) -> Range:
        """Where a message about something that is not there points."""
        return Range(self.range.source, self.range.start, self.range.start)
