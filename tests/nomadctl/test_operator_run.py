"""`operator run`: an operator's code against the in-memory Nomad; what needs processes is proven end to end."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomadctl.scaffolding import Project, write
from operator_kit.testing import MemoryNomad, running, virtual_time
from tests.nomadctl.in_memory import invoke
from tests.operator_kit.conftest import WidgetReconciler, nothing


@pytest.fixture(autouse=True)
def _nothing_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has its own modules, and the log of the test run stays as it is."""
    monkeypatch.setattr("operator_kit.process.logs.configure_logging", lambda **_: None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@virtual_time
async def test_once_looks_at_everything_and_tells_how_it_is() -> None:
    write(Project.of("blog", "shop/page"), Path("project"))
    nomad = MemoryNomad()
    await nomad.declare("resources/shop/page/hello", message="hello")
    result = await invoke(nomad, "operator", "run", "-once", "project")
    assert result.code == 0, result
    heading, row = result.out.splitlines()[-2:]  # before them comes the log
    assert heading.split() == ["Kind", "Name", "Ready", "Reason", "Message"]
    assert row.split()[:4] == ["shop/page", "hello", "False", "Progressing"]
    assert nomad.job("page-hello") is not None


@virtual_time
async def test_once_fails_if_anything_could_not_be_reconciled() -> None:
    write(Project.of("blog", "shop/page"), Path("project"))
    nomad = MemoryNomad()
    await nomad.declare("resources/shop/page/hello", massage="hello")
    result = await invoke(nomad, "operator", "run", "-once", "project")
    assert (result.code, "InvalidSpec" in result.out, "massage" in result.out) == (1, True, True)


@virtual_time
async def test_once_without_resources() -> None:
    write(Project.of("blog", "shop/page"), Path("project"))
    result = await invoke(MemoryNomad(), "operator", "run", "-once", "project")
    assert (result.code, result.out.splitlines()[-1]) == (0, "There are no resources")


@virtual_time
async def test_a_dry_run_tells_what_would_be_written_and_writes_nothing() -> None:
    write(Project.of("blog", "shop/page"), Path("project"))
    nomad = MemoryNomad()
    await nomad.declare("resources/shop/page/hello", message="hello")
    index = nomad.cluster.index
    result = await invoke(nomad, "operator", "run", "-dry-run", "project")
    assert (result.code, result.err) == (0, "")
    assert "resources/shop/page/hello\n  create Job page-hello\n" in result.out
    assert nomad.cluster.index == index

    await nomad.declare("resources/shop/page/hello", massage="hello")
    result = await invoke(nomad, "operator", "run", "-dry-run", "project")
    assert (result.code, "  fails: InvalidSpec: massage: " in result.out) == (1, True)


@virtual_time
async def test_a_dry_run_without_resources() -> None:
    write(Project.of("blog", "shop/page"), Path("project"))
    result = await invoke(MemoryNomad(), "operator", "run", "-dry-run", "project")
    assert (result.code, result.out.splitlines()[-1]) == (0, "Nothing would be written")


@virtual_time
async def test_whose_turn_it_is_is_told_if_another_leads() -> None:
    write(Project.of("blog", "shop/page"), Path("project"))
    nomad = MemoryNomad()
    async with running(nomad, WidgetReconciler(nothing), name="blog", identity="deployed"):
        await asyncio.sleep(1)
        command = asyncio.create_task(invoke(nomad, "operator", "run", "-once", "project"))
        await asyncio.sleep(10)
        assert not command.done()
    assert 'Operator "blog" is led by deployed, and this process stands by' in (await command).err


@virtual_time
async def test_code_without_an_operator_and_code_that_is_broken() -> None:
    Path("empty.py").write_text("")
    Path("broken.py").write_text("def f(:\n")
    nomad = MemoryNomad()
    result = await invoke(nomad, "operator", "run", "empty")
    assert (result.code, result.err.startswith("Error loading operator: empty defines no reconciler")) == (1, True)
    result = await invoke(nomad, "operator", "run", "-dev", "nosuch.py")
    assert (result.code, result.err) == (1, "Error loading operator: there is no file nosuch.py\n")
    result = await invoke(nomad, "operator", "run", "broken.py")
    assert result.code == 1
    assert "def f(:" in result.err
    assert result.err.splitlines()[-1].startswith("Error loading operator: broken cannot be imported: SyntaxError")


@virtual_time
async def test_flags_that_exclude_each_other() -> None:
    Path("empty.py").write_text("")
    result = await invoke(MemoryNomad(), "operator", "run", "-dry-run", "-once", "empty")
    assert (result.code, result.err) == (1, "Of -dev, -once and -dry-run only one can be given\n")


@virtual_time
async def test_a_switch_that_cannot_be_understood_is_not_taken_over() -> None:
    write(Project.of("blog", "shop/page"), Path("project"))
    nomad = MemoryNomad()
    await nomad.declare("operators/blog", paused="ture")
    result = await invoke(nomad, "operator", "run", "-dev", "project")
    assert (result.code, "set it right with: nomadctl operator resume blog" in result.err) == (1, True)
