"""What may be written in a task's `config`: one declaration a driver, checked as Nomad's HCL decoder checks it.

Values are converted where HCL would convert them (`"80"` is a number, `1` a string). All errors are reported together, in
the words of the real one, because people look these up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


class Kind(Enum):
    """The type of an option, named as in error messages."""

    STRING = "string"
    NUMBER = "number"
    BOOL = "bool"
    STRINGS = "list of string"
    MAP = "map of string"
    BLOCK = "block"
    ANY = "any"


class InvalidConfig(Exception):
    """A `config` that does not fit its driver; the text has one bullet for each error."""

    def __init__(self, problems: list[str]) -> None:
        bullets = "".join(f"\t* {problem}\n" for problem in ["failed to parse config: ", *problems])
        super().__init__(f"{len(problems) + 1} errors occurred:\n{bullets}\n")


_BOOLS: Final = {"true": True, "1": True, "false": False, "0": False}


@dataclass(frozen=True)
class Schema:
    """The options of a driver and the required ones among them."""

    options: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def check(self, config: Mapping[str, Any] | None) -> dict[str, Any]:
        """The config with its values converted and defaults filled in.

        Raises:
            InvalidConfig: naming every option that is unknown, missing or of another type.
        """
        if config is None:
            if not self.required and not self.options:
                return {}
            raise InvalidConfig(
                [
                    "Root value must be object: The root value in a JSON-based configuration must be either a JSON object or "
                    "a JSON array of objects."
                ]
            )
        problems = [
            f'Missing required argument: The argument "{name}" is required, but no definition was found.'
            for name in self.required
            if config.get(name) is None
        ]
        checked = dict(self.defaults)
        for name, value in config.items():
            if name not in self.options:
                problems.append(f'Invalid label: No argument or block type is named "{name}".')
            elif value is not None:
                kind = self.options[name]
                try:
                    checked[name] = _convert(value, kind)
                except ValueError:
                    problems.append(
                        f'Incorrect attribute value type: Inappropriate value for attribute "{name}": '
                        f"{kind.value} required, but have {_type_name(value)}."
                    )
        if problems:
            raise InvalidConfig(problems)
        return checked


def _convert(value: Any, kind: Kind) -> Any:
    match kind:
        case Kind.ANY:
            return value
        case Kind.STRING:
            return _text(value)
        case Kind.NUMBER if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        case Kind.NUMBER if isinstance(value, str):
            return float(value) if "." in value else int(value)
        case Kind.BOOL if isinstance(value, bool):
            return value
        case Kind.BOOL if isinstance(value, str) and value in _BOOLS:
            return _BOOLS[value]
        case Kind.STRINGS if isinstance(value, list):
            return [_text(item) for item in value]
        case Kind.MAP:
            # A block is parsed into a list of objects, an attribute into an object.
            parts = value if isinstance(value, list) else [value]
            if all(isinstance(part, dict) for part in parts):
                return {key: _text(item) for part in parts for key, item in part.items()}
        case Kind.BLOCK:
            parts = value if isinstance(value, list) else [value]
            if all(isinstance(part, dict) for part in parts):
                return parts
    raise ValueError(kind)


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value
        case int() | float():
            return str(value)
    raise ValueError(value)


def _type_name(value: Any) -> str:
    match value:
        case bool():
            return "bool"
        case str():
            return "string"
        case int() | float():
            return "number"
        case list():
            return "tuple"
    return "object"
