"""Variables that resources refer to, a secret for example, followed so that a change of one brings back those that use it.

What a resource refers to shows when it is reconciled; it is followed before it is read, so that no change falls between. The
variables are followed by the folder they are in, so that a thousand resources with a secret each cost one list.
"""

from collections import defaultdict
from collections.abc import Callable, Collection

from operator_kit.informers.shared import Informers


class References:
    """Who refers to what, for one kind."""

    def __init__(self, informers: Informers, changed: Callable[[str, str], None]) -> None:
        """`changed` is called with the name of a resource, and a reason."""
        self._informers = informers
        self._changed = changed
        self._users: dict[str, set[str]] = defaultdict(set)
        self._used: dict[str, frozenset[str]] = {}
        self._folders: set[str] = set()

    def refer(self, name: str, path: str) -> None:
        """The resource is about to read that variable."""
        self.learn(name, self._used.get(name, frozenset()) | {path})

    def learn(self, name: str, paths: Collection[str]) -> None:
        """The resource refers to these variables now, and to no others."""
        new, old = frozenset(paths), self._used.get(name, frozenset())
        if new == old:
            return
        for path in old - new:
            self._users[path].discard(name)
            if not self._users[path]:
                del self._users[path]
        for path in new - old:
            self._users[path].add(name)
            self._follow(path)
        if new:
            self._used[name] = new
        else:
            del self._used[name]

    def _follow(self, path: str) -> None:
        folder = path[: path.rfind("/") + 1] or path[:-1]  # something of a path must be left to be its key
        if folder in self._folders:
            return
        self._folders.add(folder)

        def changed(key: str) -> None:
            for name in sorted(self._users.get(folder + key, ())):
                self._changed(name, f"variable {folder}{key} changed")

        self._informers.variables(folder).listen(changed)
