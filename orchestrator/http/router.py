"""From a path to its route.

Nomad routes by prefix and suffix, because IDs may contain slashes: `/v1/job/a/b/summary` is the summary of job `a/b`. Patterns
become regular expressions, grouped by their first two segments; inside a group those with more fixed text come first.
"""

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from orchestrator.http.route import Route

_PLACEHOLDER = re.compile(r"\{(\w+)(\+?)\}")


Methods = Mapping[str, Route]
"""The routes of one pattern, by method."""


class Router:
    """Finds routes by path. Percent-decoding happens before matching, as in Nomad."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, dict[str, Route]] = {}
        self._patterns: dict[str, dict[str, tuple[re.Pattern[str], dict[str, Route]]]] = {}
        for route in sorted(routes, key=lambda route: -len(_PLACEHOLDER.sub("", route.pattern))):
            if "{" not in route.pattern:
                methods = self._fixed.setdefault(route.pattern, {})
            else:
                group = self._patterns.setdefault(_group(route.pattern), {})
                methods = group.setdefault(route.pattern, (_compile(route.pattern), {}))[1]
            methods.update((method, route) for method in sorted(route.methods))

    def find(self, path: str) -> tuple[Methods, dict[str, str]]:
        """The routes of a path and the values of its placeholders; no routes if it is unknown."""
        path = unquote(path)
        fixed = self._fixed.get(path)
        if fixed:
            return fixed, {}
        for pattern, methods in self._patterns.get(_group(path), {}).values():
            match = pattern.fullmatch(path)
            if match:
                return methods, match.groupdict()
        return {}, {}


def _group(path: str) -> str:
    return "/".join(path.split("/", 3)[:3])


def _compile(pattern: str) -> re.Pattern[str]:
    parts, end = [], 0
    for match in _PLACEHOLDER.finditer(pattern):
        parts.append(re.escape(pattern[end : match.start()]))
        parts.append(f"(?P<{match[1]}>{'.*' if match[2] else '[^/]+'})")
        end = match.end()
    return re.compile("".join(parts) + re.escape(pattern[end:]), re.DOTALL)
