"""A database on a server outside of Nomad, with its credentials in a variable for the jobs that use it.

    nomadctl var put secrets/server password=…
    nomadctl var put resources/example/database/shop admin=secrets/server#password
    nomadctl var get credentials/database/shop          url, user and password; a task reads them by a template:

    {{ with nomadVar "credentials/database/shop" }}DATABASE_URL={{ .url }}{{ end }}

What it shows: things outside of Nomad are created once, even if the process dies or the answer is lost (`create_once` with a
`find`, by a label that names the resource and its uid); a secret is named by the spec and never copied; what is published
belongs to the resource, and goes with it; and the look is level-triggered to the end: whether the published credentials are the
right ones is asked of the server, so those that somebody changed, revoked or deleted are replaced like those that never were.

A database goes with its resource, except with the control `operator.deletion=orphan`: then it stays, with its credentials.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import BaseModel

from examples.database.server import Denied, Server, Unavailable
from nomad_api.errors import NotFound
from nomad_api.models import Variable
from operator_kit import Context, Reconciler, Resource, ResourceStatus, TemporaryError
from operator_kit.external import NotCreated, create_once, delete_once
from operator_kit.secrets import SecretRef


class Database(Resource, group="example", kind="database", short_names=("db",), columns={"URL": "status.url"}):
    """A database on the company's server. Change `rotation` to any other text to have a new password."""

    class Spec(BaseModel):
        admin: SecretRef
        rotation: str = ""

    class Status(ResourceStatus):
        url: str = ""
        credentials: str = ""


@dataclass(frozen=True)
class Account:
    """The server as the administrator sees it, and the database of one resource on it."""

    server: Server
    admin: str
    label: str

    @classmethod
    async def of(cls, server: Server, database: Database, ctx: Context[Database]) -> "Account":
        admin = await ctx.secret(database.spec.admin)
        return cls(server, admin.reveal(), f"{database.namespace}/{database.name}/{database.uid}")

    async def create(self) -> str:
        try:
            return await self.server.create(self.admin, self.label)
        except Denied as error:
            raise NotCreated(str(error), reason="AdminDenied") from error

    async def find(self) -> str | None:
        return await self.server.find(self.admin, self.label)

    async def drop(self, id: str) -> None:
        await self.server.drop(self.admin, id)


class DatabaseReconciler(Reconciler[Database]):
    def __init__(self, server: Server) -> None:
        self._server = server

    async def reconcile(self, database: Database, ctx: Context[Database]) -> None:
        account = await Account.of(self._server, database, ctx)
        with server_troubles():
            id = await create_once(ctx, "database", account.create, find=account.find)
            await self._publish(account, id, database, ctx)
        database.status.url = self._server.url(id)

    async def finalize(self, database: Database, ctx: Context[Database]) -> None:
        if database.controls.deletion == "orphan":
            return
        account = await Account.of(self._server, database, ctx)
        with server_troubles():
            await delete_once(ctx, "database", account.drop, find=account.find)

    async def _publish(self, account: Account, id: str, database: Database, ctx: Context[Database]) -> None:
        """See that the credentials that users find are such as the server accepts."""
        path = database.status.credentials = f"credentials/database/{database.name}"
        login = {"url": self._server.url(id), "user": database.name, "rotation": database.spec.rotation}
        published = await read_items(ctx, path)
        password = published.get("password", "")
        right = published.get("rotation", "") == login["rotation"] and await self._server.accepts(id, login["user"], password)
        if not right:
            password = secrets.token_urlsafe(24)
            # The server first: if this process dies now, what is published is not accepted, and is replaced at the next look.
            await self._server.set_login(account.admin, id, login["user"], password)
            ctx.event("Normal", "CredentialsIssued", f"{path} has a new password")
        await ctx.apply(Variable(path=path, items={**login, "password": password}))


async def read_items(ctx: Context[Database], path: str) -> dict[str, str]:
    """The items of a variable, none if there is none."""
    try:
        return (await ctx.nomad.variables.get(path)).items or {}
    except NotFound:
        return {}


@contextmanager
def server_troubles() -> Iterator[None]:
    """Tell the server's errors in the words of conditions."""
    try:
        yield
    except Denied as error:
        raise TemporaryError(str(error), reason="AdminDenied") from error
    except Unavailable as error:
        raise TemporaryError(str(error), reason="ServerUnavailable") from error
