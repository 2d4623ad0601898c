"""Artifacts: files that a task needs, fetched over HTTP before it starts, checked, and unpacked if they are archives."""

import asyncio
import hashlib
import os
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from nomad_api.models.job import Artifact
from orchestrator.client import task_events
from orchestrator.client.hooks.base import HookError, TaskHook

CHUNK: Final = 1 << 16
MAX_BYTES: Final = 100 << 30
TIMEOUT_SECONDS: Final = 30 * 60
_ARCHIVES: Final = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar", ".zip")


class _Failed(Exception):
    """An artifact cannot be had."""


class ArtifactsHook(TaskHook):
    async def prestart(self, *, restored: bool) -> None:
        artifacts = self.scope.place.task.artifacts or ()
        if restored or not artifacts:
            return
        self.scope.emit(task_events.downloading_artifacts())
        known = self.scope.environment.on_host()
        for artifact in artifacts:
            source = self.scope.environment.interpolate(artifact.getter_source or "", known)
            try:
                await self._fetch(artifact, source, known)
            except (_Failed, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
                text = f'failed to download artifact "{source}": getter subprocess failed: exit status 1: '
                event = task_events.failed_download(f"{text}failed to download artifact: {error}")
                raise HookError(event, recoverable=True) from None

    async def _fetch(self, artifact: Artifact, source: str, known: dict[str, str]) -> None:
        interpolate = self.scope.environment.interpolate
        place = self.scope.place
        options = {key: interpolate(value, known) for key, value in (artifact.getter_options or {}).items()}
        headers = {key: interpolate(value, known) for key, value in (artifact.getter_headers or {}).items()}
        root = place.directory.root
        target = Path(os.path.normpath(root / (interpolate(artifact.relative_dest or "", known) or "local/")))
        if not any(target.is_relative_to(folder) for folder in (root, place.directory.shared)):
            raise _Failed(f"destination {artifact.relative_dest} escapes the allocation")
        mode = artifact.getter_mode or "any"
        name = Path(urlsplit(source).path).name or "index.html"
        archive = options.get("archive", "") != "false" and name.endswith(_ARCHIVES)
        file = target if mode == "file" and not archive else target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        try:
            await _download(source, headers, part, secure=not artifact.getter_insecure)
            if checksum := options.get("checksum"):
                await asyncio.to_thread(_check, part, file, checksum)
            if archive and mode != "file":
                await asyncio.to_thread(_unpack, part, name, target)
            else:
                part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        if artifact.chown and self.scope.owner:
            shutil.chown(file if file.exists() else target, *self.scope.owner)


async def _download(source: str, headers: dict[str, str], file: Path, *, secure: bool) -> None:
    if urlsplit(source).scheme not in ("http", "https"):
        raise _Failed(f"download not supported for scheme '{urlsplit(source).scheme}': use http or https")
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(TIMEOUT_SECONDS)) as session,
            session.get(source, headers=headers, ssl=secure) as answer,
        ):
            if answer.status != 200:
                raise _Failed(f"bad response code: {answer.status}")
            size = 0
            with file.open("wb") as out:
                async for chunk in answer.content.iter_chunked(CHUNK):
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise _Failed(f"more than {MAX_BYTES} bytes")
                    out.write(chunk)
    except aiohttp.ClientConnectorError as error:
        reason = "connection refused" if "Connect call failed" in str(error.os_error) else str(error.os_error)
        raise _Failed(f'Get "{source}": dial tcp {error.host}:{error.port}: connect: {reason}') from None
    except (aiohttp.ClientError, ValueError, TimeoutError) as error:
        raise _Failed(f'Get "{source}": {error or "no answer in time"}') from None


def _check(part: Path, shown: Path, checksum: str) -> None:
    """`md5:…`, `sha1:…`, `sha256:…` or `sha512:…`."""
    kind, _, expected = checksum.partition(":")
    if kind not in ("md5", "sha1", "sha256", "sha512"):
        raise _Failed(f'unsupported checksum type "{kind}": write md5:, sha1:, sha256: or sha512: and the digest')
    with part.open("rb") as file:
        found = hashlib.file_digest(file, kind).hexdigest()
    if found != expected.lower():
        raise _Failed(f"Checksums did not match for {shown}.\nExpected: {expected}\nGot: {found}\n*{kind}.digest")


def _unpack(part: Path, name: str, target: Path) -> None:
    """Unpack into a folder; what would land elsewhere is refused."""
    target.mkdir(parents=True, exist_ok=True)
    if not name.endswith(".zip"):
        with tarfile.open(part) as archive:
            archive.extractall(target, filter="data")
        return
    with zipfile.ZipFile(part) as archive:
        for entry in archive.infolist():
            archived = Path(os.path.normpath(target / entry.filename))
            if not archived.is_relative_to(target):
                raise _Failed(f"{entry.filename} escapes the destination")
        archive.extractall(target)
