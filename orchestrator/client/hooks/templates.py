"""The templates of a task: rendered before it starts, and again whenever what they depend on changes.

All templates of a task are rendered together: it starts when none waits any more. A change then has the consequences that each
changed template asks for (`change_mode`), a restart outweighing all others.
"""

import asyncio
import os
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from nomad_api.duration import SECOND
from nomad_api.models import Template
from orchestrator.client import task_events
from orchestrator.client.hooks.base import HookError, TaskHook, TaskScope
from orchestrator.client.server import Change
from orchestrator.client.signals import NAMES
from orchestrator.client.templates import Dependency, TemplateError, TemplateText

log = structlog.get_logger(__name__)

RETRY_SECONDS: Final = 5.0
"""How often is looked again for what may not be read: rights change without a sign."""
DEFAULT_SPLAY: Final = 5 * SECOND
_ENV_LINE: Final = re.compile(r"\s*(?:export\s+)?([^\s=#]+)\s*=\s*(.*?)\s*$")


@dataclass
class _Target:
    """One template of the task, and what it became last."""

    settings: Template
    text: TemplateText
    file: Path
    rendered: str | None = None
    used: frozenset[Dependency] = frozenset()
    variables: tuple[str, ...] = ()


class TemplatesHook(TaskHook):
    """Keeps the rendered files of a task up to date."""

    def __init__(self, scope: TaskScope) -> None:
        super().__init__(scope)
        self._known: dict[Dependency, Any] = {}
        self._targets: list[_Target] = []
        self._watching: asyncio.Task[None] | None = None
        self._denied: dict[Dependency, str] = {}

    async def prestart(self, *, restored: bool) -> None:
        settings = self.scope.place.task.templates or []
        if not settings:
            return
        await self.stop()
        try:
            self._targets = [self._target(template) for template in settings]
        except TemplateError as error:
            raise self._failed(error) from None
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watching = asyncio.create_task(self._watch(ready, restored=restored))
        if not restored:
            try:
                await ready
            except TemplateError as error:
                raise self._failed(error) from None

    async def stop(self) -> None:
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
            self._watching = None

    def _target(self, settings: Template) -> _Target:
        place, environment = self.scope.place, self.scope.environment
        known = environment.on_host()
        text = settings.embedded_tmpl or ""
        if not text and settings.source_path:
            source = self._inside(environment.interpolate(settings.source_path, known))
            try:
                text = source.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise TemplateError(f"failed to read template {settings.source_path}: {error}") from None
        template = TemplateText(
            text,
            left=settings.left_delim or "",
            right=settings.right_delim or "",
            missing_key_is_error=bool(settings.err_missing_key),
            namespace=place.namespace,
            region=place.region,
        )
        return _Target(settings, template, self._inside(environment.interpolate(settings.dest_path or "", known)))

    def _inside(self, path: str) -> Path:
        """A path below the task's folder, which it must not leave; a container's own names for its folders are understood."""
        directory = self.scope.place.directory
        if self.scope.environment.container:
            for inner, folder in (("/local", directory.local), ("/secrets", directory.secrets), ("/alloc", directory.shared)):
                if path == inner or path.startswith(f"{inner}/"):
                    path = f"{folder}{path[len(inner) :]}"
        file = Path(os.path.normpath(directory.root / path))
        if not any(file.is_relative_to(folder) for folder in (directory.root, directory.shared)):
            raise TemplateError(f"template path {path} escapes the task's folder")
        return file

    async def _watch(self, ready: "asyncio.Future[None]", *, restored: bool) -> None:
        """Render until all is known, then follow changes for ever."""
        scope = self.scope
        waits_for: frozenset[str] = frozenset()
        with scope.server.changes(scope.place.namespace) as changes:
            upcoming = asyncio.ensure_future(anext(changes))
            try:
                while True:
                    try:
                        missing, changed = await self._render()
                    except TemplateError as error:
                        self._give_up(error, ready)
                        return
                    if missing and missing != waits_for and not restored:
                        scope.emit(task_events.template_waits(sorted(missing)))
                    waits_for = missing
                    if not missing:
                        if ready.done() or restored:
                            await self._act(changed)
                        else:
                            ready.set_result(None)
                        restored = False
                    upcoming = await self._until_stale(changes, upcoming, seconds=RETRY_SECONDS if self._denied else None)
            finally:
                upcoming.cancel()

    async def _render(self) -> tuple[frozenset[str], list[_Target]]:
        """Look up whatever the templates ask for; what is missing, and which files have changed."""
        environment = self.scope.environment.build()
        while True:
            renderings = [target.text.render(self._known, environment) for target in self._targets]
            unknown = frozenset().union(*(rendering.unknown for rendering in renderings))
            if not unknown:
                break
            await self._look_up(unknown)
        missing = frozenset().union(*(rendering.missing for rendering in renderings))
        changed = []
        for target, rendering in zip(self._targets, renderings, strict=True):
            target.used = rendering.used
        if missing:
            return frozenset(f"{name}: {reason}" if reason else name for name, reason in self._explain(missing)), []
        for target, rendering in zip(self._targets, renderings, strict=True):
            first = target.rendered is None
            if rendering.text is not None and rendering.text != target.rendered and (first or not target.settings.once):
                if self._write(target, rendering.text):
                    changed.append(target)
                target.rendered = rendering.text
        return frozenset(), changed

    def _explain(self, missing: Iterable[str]) -> Iterable[tuple[str, str]]:
        denied = {f"({dependency.name}@": reason for dependency, reason in self._denied.items()}
        for name in missing:
            yield name, next((reason for part, reason in denied.items() if part in name), "")

    async def _look_up(self, wanted: Iterable[Dependency]) -> None:
        server, place = self.scope.server, self.scope.place
        for dependency in wanted:
            self._denied.pop(dependency, None)
            try:
                match dependency.kind:
                    case "variable":
                        value: Any = await server.read_variable(place.allocation, place.task.name, dependency.name)
                    case "variables":
                        value = await server.list_variables(place.allocation, place.task.name, dependency.name)
                    case "services":
                        value = await server.list_services(place.allocation, place.task.name)
            except PermissionError as error:
                value = None
                self._denied[dependency] = str(error) or "Permission denied"
            self._known[dependency] = value

    async def _until_stale(self, changes: Any, upcoming: Any, *, seconds: float | None) -> Any:
        """Wait until something that a template uses has changed, and forget what was known of it."""
        while True:
            retry = asyncio.ensure_future(self.scope.clock.sleep(seconds)) if seconds else None
            await asyncio.wait([upcoming, retry] if retry else [upcoming], return_when=asyncio.FIRST_COMPLETED)
            if retry:
                retry.cancel()
            if not upcoming.done():
                for dependency in self._denied:
                    self._known.pop(dependency, None)
                return upcoming
            stale = self._stale(upcoming.result())
            upcoming = asyncio.ensure_future(anext(changes))
            if stale:
                for dependency in stale:
                    self._known.pop(dependency, None)
                return upcoming

    def _stale(self, change: Change) -> list[Dependency]:
        used = frozenset().union(*(target.used for target in self._targets))
        return [dependency for dependency in used if _touches(change, dependency)]

    def _write(self, target: _Target, text: str) -> bool:
        """Write the file, and take environment variables from it; False if the file held the same text already."""
        settings, file = target.settings, target.file
        data = text.encode()
        same = file.is_file() and file.read_bytes() == data
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            new = file.with_name(f".{file.name}.new")
            new.write_bytes(data)
            new.chmod(int(settings.perms or "0644", 8))
            if settings.uid is not None and settings.uid >= 0:
                os.chown(new, settings.uid, settings.gid if settings.gid is not None else -1)
            new.replace(file)
        except (OSError, ValueError) as error:
            raise TemplateError(f"cannot write {settings.dest_path}: {error}") from None
        if settings.envvars:
            found = _env_file(text)
            added = self.scope.environment.added
            for name in target.variables:
                added.pop(name, None)
            target.variables = tuple(found)
            added |= found
        return not same

    async def _act(self, changed: list[_Target]) -> None:
        """Do what the changed templates ask for."""
        modes = {target.settings.change_mode or "restart": target for target in changed}
        if not modes.keys() - {"noop"}:
            return
        splay = max(DEFAULT_SPLAY if target.settings.splay is None else target.settings.splay for target in changed)
        await self.scope.clock.sleep(random.random() * splay / SECOND)
        if "restart" in modes:
            await self.scope.request_restart(task_events.restart_by_template())
            return
        for signal in {target.settings.change_signal or "SIGHUP" for target in changed if _mode(target) == "signal"}:
            event = task_events.signaling_because(NAMES.get(signal, 1), "Template re-rendered")
            await self.scope.request_signal(signal, event)
        for target in changed:
            if _mode(target) == "script":
                await self._run_script(target)

    async def _run_script(self, target: _Target) -> None:
        script = target.settings.change_script
        if script is None or not script.command or not self.scope.running:
            return
        seconds = (5 * SECOND if script.timeout is None else script.timeout) / SECOND
        try:
            code, output = await self.scope.run_inside([script.command, *(script.args or ())], seconds)
            problem = f"exit code {code}: {output.decode(errors='replace').strip()}" if code else ""
        except Exception as error:
            problem = str(error) or f"no end within {seconds:g} s"
        if problem and script.fail_on_error:
            self.scope.fail(task_events.killing_failed(f"Template failed: change script {script.command}: {problem}"))
        elif problem:
            log.warning("change script failed", task=self.scope.place.task.name, error=problem)

    def _give_up(self, error: TemplateError, ready: "asyncio.Future[None]") -> None:
        if not ready.done():
            ready.set_exception(error)
            ready.exception()  # seen, also if nobody waits for it
        else:
            self.scope.fail(task_events.killing_failed(f"Template failed: {error}"))

    def _failed(self, error: TemplateError) -> HookError:
        return HookError(task_events.killing_failed(f"Template failed: {error}"), recoverable=False)


def _mode(target: _Target) -> str:
    return target.settings.change_mode or "restart"


def _touches(change: Change, dependency: Dependency) -> bool:
    match dependency.kind:
        case "variable":
            return change.kind == "variable" and change.name == dependency.name
        case "variables":
            return change.kind == "variable" and change.name.startswith(dependency.name)
    return change.kind == "service"


def _env_file(text: str) -> dict[str, str]:
    """The variables of lines like `KEY=value`, `export KEY="a\\nb"` or `KEY='literally'`; other lines are left out."""
    variables = {}
    for line in text.splitlines():
        if match := _ENV_LINE.match(line):
            name, value = match.groups()
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1].replace("\\n", "\n").replace('\\"', '"').replace("\\\\", "\\")
            elif len(value) > 1 and value[0] == value[-1] == "'":
                value = value[1:-1]
            variables[name] = value
    return variables
