"""A stand-in for a database server outside of Nomad: a directory of SQLite files, with a catalogue of who may log in.

It has what makes such servers hard to operate: it does not live in Nomad, every call needs the administrator's password, the
same request made twice makes two databases, and an answer can be lost. An operator for PostgreSQL would keep `database.py` as
it is and write these methods with SQL.
"""

import hashlib
import hmac
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

_CATALOGUE: Final = """
CREATE TABLE IF NOT EXISTS databases (number INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT, user TEXT, password TEXT)
"""


class Denied(Exception):
    """Wrong password; nothing was done."""


class Unavailable(Exception):
    """The server does not answer. Whether it did what was asked is not known."""


class Server:
    """See the module's text. The IDs of databases are given by the server; labels need not be unique."""

    def __init__(self, directory: Path, password: str) -> None:
        """`password` is the administrator's."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._password = password

    async def create(self, admin: str, label: str) -> str:
        """Make an empty database that nobody can log in to; its ID."""
        self._check(admin)
        with closing(self._catalogue()) as catalogue, catalogue:
            id = str(catalogue.execute("INSERT INTO databases (label) VALUES (?)", (label,)).lastrowid)
        with closing(sqlite3.connect(self._file(id))) as database:
            database.execute("PRAGMA user_version = 1")  # an empty file would not exist until it is written to
        return id

    async def find(self, admin: str, label: str) -> str | None:
        """The ID of the newest database with that label."""
        self._check(admin)
        with closing(self._catalogue()) as catalogue:
            row = catalogue.execute("SELECT max(number) FROM databases WHERE label = ?", (label,)).fetchone()
        return None if row[0] is None else str(row[0])

    async def set_login(self, admin: str, id: str, user: str, password: str) -> None:
        """Let that user in, and nobody else any more."""
        self._check(admin)
        with closing(self._catalogue()) as catalogue, catalogue:
            catalogue.execute("UPDATE databases SET user = ?, password = ? WHERE number = ?", (user, _digest(password), id))

    async def accepts(self, id: str, user: str, password: str) -> bool:
        """Whether one can log in with these."""
        with closing(self._catalogue()) as catalogue:
            row = catalogue.execute("SELECT user, password FROM databases WHERE number = ?", (id,)).fetchone()
        return row is not None and row == (user, _digest(password))

    async def drop(self, admin: str, id: str) -> None:
        """Remove a database with all that is in it; no error if there is none."""
        self._check(admin)
        with closing(self._catalogue()) as catalogue, catalogue:
            catalogue.execute("DELETE FROM databases WHERE number = ?", (id,))
        self._file(id).unlink(missing_ok=True)

    def url(self, id: str) -> str:
        """Where clients find the database."""
        return f"sqlite:///{self._file(id)}"

    def _check(self, admin: str) -> None:
        if not hmac.compare_digest(admin.encode(), self._password.encode()):
            raise Denied("the server refuses the administrator's password")

    def _catalogue(self) -> sqlite3.Connection:
        catalogue = sqlite3.connect(self._directory / "catalogue.sqlite")
        catalogue.execute(_CATALOGUE)
        return catalogue

    def _file(self, id: str) -> Path:
        return self._directory / f"{int(id)}.sqlite"


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
