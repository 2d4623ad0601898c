"""The world beyond Nomad, as an operator of a simulation sees it: texts that it sets by name, and accounts that it opens.

Setting a text is idempotent. Opening an account is not: every call opens another one, as careless APIs do, so what is created
twice shows. Both are reached over the same bad network as Nomad: calls are lost, or answered late, or die with the process.
"""

from collections.abc import Callable
from typing import TypeVar

from nomad_api.errors import NomadError
from operator_kit.testing.faults import Faults
from operator_kit.testing.transport import MemoryTransport

T = TypeVar("T")


class OutsideError(Exception):
    """The world beyond cannot be reached, or did not answer."""


class Outside:
    """What there is.

    Attributes:
        texts: by name.
        accounts: the tag of each, by ID.
        problems: what should never have happened.
    """

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.accounts: dict[str, str] = {}
        self.problems: list[str] = []
        self._opened = 0

    def open(self, tag: str) -> str:
        """Open an account; its ID."""
        if tag in self.accounts.values():
            self.problems.append(f"account {tag} was opened twice")
        self._opened += 1
        id = f"account-{self._opened}"
        self.accounts[id] = tag
        return id

    def find(self, tag: str) -> str | None:
        """The ID of the account with that tag."""
        return next((id for id, present in self.accounts.items() if present == tag), None)


class Connection:
    """The way of one process to the world beyond. Every call may fail with `OutsideError`."""

    def __init__(self, outside: Outside, faults: Faults, transport: MemoryTransport) -> None:
        self._outside = outside
        self._faults = faults
        self._transport = transport

    async def set_text(self, name: str, text: str) -> None:
        await self._call("PUT", f"text/{name}", lambda: self._outside.texts.update({name: text}))

    async def remove_text(self, name: str) -> None:
        await self._call("DELETE", f"text/{name}", lambda: self._outside.texts.pop(name, None))

    async def open_account(self, tag: str) -> str:
        return await self._call("POST", f"account/{tag}", lambda: self._outside.open(tag))

    async def find_account(self, tag: str) -> str | None:
        return await self._call("GET", f"account/{tag}", lambda: self._outside.find(tag))

    async def close_account(self, id: str) -> None:
        await self._call("DELETE", f"account/{id}", lambda: self._outside.accounts.pop(id, None))

    async def _call(self, method: str, path: str, act: Callable[[], T]) -> T:
        async def send() -> T:
            return act()

        try:
            return await self._faults.send(self._transport, method, f"/outside/{path}", send)
        except NomadError as error:
            raise OutsideError(str(error)) from error
