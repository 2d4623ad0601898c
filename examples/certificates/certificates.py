"""An operator without a kind: it keeps certificates that another program renews on disk as variables that templates can read.

    /etc/letsencrypt/live/shop.example.org/{fullchain,privkey}.pem  →  certificates/shop_example_org  {certificate=…, key=…}

Nobody declares anything: what there is to do shows in a folder, which is polled. A job that has the variable in a template
gets a renewed certificate by itself. A certificate whose folder goes is removed, and only then: variables that this operator
did not make are not touched.
"""

import asyncio
import hashlib
from pathlib import Path
from typing import Final

from nomad_api.errors import NotFound
from operator_kit import IdContext, IdReconciler, Poll, TemporaryError

TREE: Final = "certificates/"
FILES: Final = {"certificate": "fullchain.pem", "key": "privkey.pem"}
SOURCE: Final = "source"
"""The item that tells which folder a variable was made from, and so that it was made here."""


class CertificateReconciler(IdReconciler):
    """The ids are the names of the folders."""

    name = "certificates"

    def __init__(self, folder: Path, *, every: float = 30.0) -> None:
        self._folder = folder
        self.watches = [Poll("certificates", every=every, fetch=self._digests, emit_first=True)]

    async def reconcile(self, id: str, ctx: IdContext) -> None:
        path = TREE + id.replace(".", "_")  # a path of a variable takes no dots
        items = await asyncio.to_thread(self._read, id)
        try:
            present = await ctx.nomad.variables.get(path)
        except NotFound:
            present = None
        if present is not None and (present.items or {}).get(SOURCE) != id:
            ctx.log.warning("a variable of somebody else is in the way", path=path)
        elif items is None and present is not None:
            await ctx.nomad.variables.delete(path, cas=present.modify_index)
            ctx.log.info("certificate removed", path=path)
        elif items is not None and (present is None or present.items != items):
            await ctx.nomad.variables.put(path, items, cas=present.modify_index if present else 0)
            ctx.log.info("certificate written", path=path)

    async def _digests(self) -> dict[str, str]:
        """What there is, each with a digest by which a change shows."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> dict[str, str]:
        found = {}
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.is_dir():
                files = [folder / name for name in FILES.values()]
                found[folder.name] = hashlib.sha256(b"\0".join(f.read_bytes() for f in files if f.is_file())).hexdigest()
        return found

    def _read(self, id: str) -> dict[str, str] | None:
        """The items of a certificate, None if there is none any more.

        Raises:
            TemporaryError: a file is missing; certificates are renewed file by file.
        """
        folder = self._folder / id
        if not folder.is_dir():
            return None
        missing = [name for name in FILES.values() if not (folder / name).is_file()]
        if missing:
            raise TemporaryError(f"{folder / missing[0]} is missing", reason="Incomplete")
        return {SOURCE: id, **{key: (folder / name).read_text() for key, name in FILES.items()}}
