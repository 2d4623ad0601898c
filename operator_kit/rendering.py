"""Configurations from templates, with Jinja: strict, safe, and clear about what is wrong.

    config = render(spec.template, {"hosts": hosts, "spec": spec}, name="spec.template")

    templates = Templates.of_package("operators.proxy", "templates")
    config = templates.render("proxy.conf", {"spec": spec})

What Jinja lets pass and a configuration cannot bear is a mistake here: an unknown variable, `None`, and a list or mapping in
the middle of text. Booleans are written `true` and `false`. Templates run in Jinja's sandbox, for many are written by users. A
mistake is a `PermanentError`, since trying again is pointless until the template or the values change: it names the template,
the line, the variable, and what that may have been meant to be.

Filters besides Jinja's own, of which `indent` is worth knowing:

    to_yaml       YAML with sorted keys: equal values give equal text
    to_json       JSON with sorted keys; `to_json(2)` with that much indentation
    quote         "text" in double quotes, for YAML, JSON and TOML
    quote_shell   one word for a shell
    quote_hcl     "text" for HCL: no ${…} or %{…} in it takes effect

A template that holds Nomad's own `{{ … }}` takes square delimiters: `[[ variable ]]`, `[% if … %]`, `[# comment #]`.
"""

import difflib
import json
import shlex
import traceback
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import lru_cache, partial
from importlib import resources
from typing import Any, Final, Literal

from jinja2 import BaseLoader, Environment, StrictUndefined, TemplateNotFound, TemplateSyntaxError, Undefined, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from operator_kit.crd_store.yaml_text import dump_yaml
from operator_kit.engine.result import PermanentError

Delimiters = Literal["curly", "square"]

_SQUARE: Final = {
    "variable_start_string": "[[",
    "variable_end_string": "]]",
    "block_start_string": "[%",
    "block_end_string": "%]",
    "comment_start_string": "[#",
    "comment_end_string": "#]",
}


class RenderingError(PermanentError):
    """A template cannot be rendered. `line` is 0 where none is to blame."""

    def __init__(self, template: str, line: int, problem: str) -> None:
        super().__init__(f"{template}{f', line {line}' if line else ''}: {problem}", reason="InvalidTemplate")
        self.template = template
        self.line = line
        self.problem = problem


class Templates:
    """Templates by name, which may include, import and extend each other."""

    def __init__(self, sources: Mapping[str, str], *, delimiters: Delimiters = "curly") -> None:
        self._sources = dict(sources)
        self._environment = ImmutableSandboxedEnvironment(
            loader=_Loader(self._sources),
            undefined=_Unknown,
            finalize=_printable,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            **(_SQUARE if delimiters == "square" else {}),
        )
        self._environment.filters |= _FILTERS

    @classmethod
    def of_package(cls, package: str, directory: str = "templates", *, delimiters: Delimiters = "curly") -> "Templates":
        """All files in a directory of a package, by file name.

        Raises:
            ModuleNotFoundError, FileNotFoundError: there is no such package or directory.
        """
        files = (resources.files(package) / directory).iterdir()
        return cls({file.name: file.read_text() for file in files if file.is_file()}, delimiters=delimiters)

    def render(self, name: str, variables: Mapping[str, Any]) -> str:
        """The text that a template makes of the variables. They are not changed: the sandbox forbids it.

        Raises:
            RenderingError: nothing else.
        """
        try:
            return self._environment.get_template(name).render(variables)
        except TemplateNotFound as error:
            problem = f'there is no template "{error.name}"{_hint(str(error.name), self._sources)}'
            raise RenderingError(*self._place(error, name), problem) from error
        except TemplateSyntaxError as error:
            raise RenderingError(error.name or name, error.lineno, error.message or "it cannot be read") from error
        except _UnknownName as error:
            known = {*variables, *self._environment.globals} if error.of is missing else _names_in(error.of)
            where = "" if error.of is missing else f" in {type(error.of).__name__}"
            problem = f'"{error.variable}" is unknown{where}{_hint(str(error.variable), known)}'
            raise RenderingError(*self._place(error, name), problem) from error
        except Exception as error:
            kind = "" if isinstance(error, (_Unprintable, UndefinedError)) else f"{type(error).__name__}: "
            raise RenderingError(*self._place(error, name), f"{kind}{error}") from error

    def _place(self, error: BaseException, name: str) -> tuple[str, int]:
        """The innermost template and its line where the error came up; Jinja puts them into the traceback."""
        frames = traceback.extract_tb(error.__traceback__)
        places = [(frame.filename, frame.lineno or 0) for frame in frames if frame.filename in self._sources]
        return places[-1] if places else (name, 0)


def render(template: str, variables: Mapping[str, Any], *, name: str = "template", delimiters: Delimiters = "curly") -> str:
    """The text that one template makes of the variables; `name` is what errors call it, such as `spec.template`.

    Raises:
        RenderingError: nothing else.
    """
    return _single(name, template, delimiters).render(name, variables)


@lru_cache(maxsize=256)
def _single(name: str, template: str, delimiters: Delimiters) -> Templates:
    return Templates({name: template}, delimiters=delimiters)


class _Loader(BaseLoader):
    """Gives each template its name as the file name too, so that tracebacks tell it."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._sources = sources

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template not in self._sources:
            raise TemplateNotFound(template)
        return self._sources[template], template, lambda: True


class _UnknownName(UndefinedError):
    """A variable, or an attribute or key `of` some value, that is not there."""

    def __init__(self, of: object, variable: object, message: str | None = None) -> None:
        super().__init__(message)
        self.of = of
        self.variable = variable


class _Unknown(StrictUndefined):
    """Fails with an exception that still knows what was looked for, and where."""

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = UndefinedError) -> None:
        told: Any = partial(_UnknownName, obj, name) if exc is UndefinedError and not hint else exc
        super().__init__(hint, obj, name, told)


class _Unprintable(ValueError):
    """A value that has no place in the middle of a text."""


def _printable(value: Any) -> Any:
    """What is written for a value in the middle of a text."""
    if isinstance(value, Undefined | str):
        return value
    if value is None:
        raise _Unprintable("the value is None; give it one, or use the filter default(…, true)")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple | set | frozenset | BaseModel):
        raise _Unprintable(f"a {type(value).__name__} has no place in the middle of text; use to_yaml, to_json or join")
    return value.value if isinstance(value, Enum) else value


def _plain(value: Any) -> Any:
    """The value as plain data; an unknown one fails here, with its name."""
    return str(value) if isinstance(value, Undefined) else to_jsonable_python(value)


def _to_yaml(value: Any) -> str:
    return dump_yaml(_plain(value)).removesuffix("\n")


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(_plain(value), indent=indent, sort_keys=True, ensure_ascii=False)


def _quote(value: Any) -> str:
    return json.dumps(str(_printable(value)), ensure_ascii=False)


def _quote_shell(value: Any) -> str:
    return shlex.quote(str(_printable(value)))


def _quote_hcl(value: Any) -> str:
    return _quote(value).replace("${", "$${").replace("%{", "%%{")


_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "to_yaml": _to_yaml,
    "to_json": _to_json,
    "quote": _quote,
    "quote_shell": _quote_shell,
    "quote_hcl": _quote_hcl,
}


def _names_in(value: object) -> Iterable[str]:
    """What a template can ask of a value: keys, fields or attributes."""
    if isinstance(value, Mapping):
        return [key for key in value if isinstance(key, str)]
    if isinstance(value, BaseModel):
        return type(value).model_fields
    return [name for name in dir(value) if not name.startswith("_")]


def _hint(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]}?" if close else ""
