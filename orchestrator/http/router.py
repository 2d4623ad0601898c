"""From a path to its route.

Nomad routes by prefix and suffix, because IDs may contain slashes: `/v1/job/a/b/summary` is the summary of job `a/b`. Patterns
become regular expressions, grouped by their first two segments; inside a group those with more fixed text come first.
"""

import re
from collections.abc import Iterable
from urllib.parse import unquote

from orchestrator.http.route import Route

_PLACEHOLDER = re.compile(r"\{(\w+)(\+?)\}")


class Router:
    """Finds routes by path. Percent-decoding happens before matching, as in Nomad."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._fixed: dict[str, list[Route]] = {}
        self._patterns: dict[str, dict[str, tuple[re.Pattern[str], list[Route]]]] = {}
        for route in sorted(routes, key=lambda route: -len(_PLACEHOLDER.sub("", route.pattern))):
            if "{" not in route.pattern:
                self._fixed.setdefault(route.pattern, []).append(route)
            else:
                group = self._patterns.setdefault(_group(route.pattern), {})
                group.setdefault(route.pattern, (_compile(route.pattern), []))[1].append(route)

    def find(self, path: str) -> tuple[list[Route], dict[str, str]]:
        """The routes of a path (one for each set of methods) and the values of its placeholders; no routes if it is unknown."""
        path = unquote(path)
        fixed = self._fixed.get(path)
        if fixed:
            return fixed, {}
        for pattern, routes in self._patterns.get(_group(path), {}).values():
            match = pattern.fullmatch(path)
            if match:
                return routes, match.groupdict()
        return [], {}


def _group(path: str) -> str:
    return "/".join(path.split("/", 3)[:3])


def _compile(pattern: str) -> re.Pattern[str]:
    parts, end = [], 0
    for match in _PLACEHOLDER.finditer(pattern):
        parts.append(re.escape(pattern[end : match.start()]))
        parts.append(f"(?P<{match[1]}>{'.*' if match[2] else '[^/]+'})")
        end = match.end()
    return re.compile("".join(parts) + re.escape(pattern[end:]), re.DOTALL)
