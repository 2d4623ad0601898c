"""`operator init`: what it writes runs, passes its tests and the strict type checker, as it is."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nomadctl.failure import Failure
from nomadctl.scaffolding import Project, render
from operator_kit.process.loading import find
from tests.nomadctl.conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    result = run("operator", "init", "-kind", "shop/web_page", "web_shop")
    assert (result.code, result.err) == (0, "")
    assert "resources of the kind shop/web_page" in result.out
    return tmp_path / "web_shop"


def checked(project: Path, *command: str) -> None:
    """Run a tool within the project, which finds this framework as if it were installed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MYPYPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", *command], cwd=project, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(120)
def test_its_tests_pass(project: Path) -> None:
    checked(project, "pytest", "-q", "-p", "no:cacheprovider")


@pytest.mark.timeout(240)
def test_the_strict_type_checker_and_the_linter_find_nothing(project: Path) -> None:
    checked(project, "mypy", "--follow-imports=silent")
    checked(project, "ruff", "check", "--isolated", "--select", "E,F,I,UP", "--line-length", "128")
    checked(project, "ruff", "format", "--isolated", "--check", "--line-length", "128")


def test_it_is_what_operator_run_finds(project: Path) -> None:
    assert find(str(project)).name == "web_shop"


def test_little_is_written_and_every_word_is_filled_in() -> None:
    files = render(Project.of("blog"))
    assert sorted(map(str, files)) == [
        "README.md",
        "blog.nomad.hcl",
        "blog/__init__.py",
        "blog/__main__.py",
        "blog/operator.py",
        "policy.hcl",
        "pyproject.toml",
        "tests/test_blog.py",
    ]
    assert not [path for path, text in files.items() if "{{" in text or "%}" in text]
    assert sum(len(text.splitlines()) for text in files.values()) < 250


def test_what_an_operator_needs_is_in_its_policy() -> None:
    [policy] = [text for path, text in render(Project.of("web_shop", "shop/page")).items() if path.name == "policy.hcl"]
    for path in (
        "resources/shop/page/*",
        "status/shop/page/*",
        "crds/shop/page",
        "locks/web_shop",
        "locks/web_shop/*",
        "operators/web_shop",
    ):
        assert f'path "{path}"' in policy


def test_nothing_is_ever_overwritten(run: Run, project: Path) -> None:
    (project / "web_shop" / "operator.py").write_text("mine")
    (project / "README.md").unlink()
    result = run("operator", "init", "web_shop")
    assert (result.code, result.err.startswith("Nothing was written: web_shop has ")) == (1, True)
    assert (project / "web_shop" / "operator.py").read_text() == "mine"
    assert not (project / "README.md").exists()


def test_it_can_be_written_into_a_folder_that_is_there(run: Run, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    assert run("operator", "init", "-dir", str(tmp_path), "blog").code == 0
    assert (tmp_path / "blog" / "operator.py").exists()


def test_a_folder_that_cannot_be_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = run("operator", "init", "-dir", str(tmp_path / "file"), "blog")
    assert (result.code, "Error writing" in result.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["Web-Shop"],
            'it becomes a Python package, so it begins with a letter and holds only a-z, 0-9 and _, such as "web_shop"',
        ),
        (["9lives"], "it becomes a Python package"),
        (["json"], "Python knows something else by it; choose another, such as my_json"),
        (["operators"], "Python knows something else by it"),
        (["class"], "Python knows something else by it"),
        (["blog", "a/b/c"], 'Invalid kind "a/b/c": write <kind> or <group>/<kind>'),
        (["blog", "/page"], "Invalid kind"),
        (["blog", "Page"], "Invalid kind"),
        (["job"], 'Invalid kind "job": its class would hide Job; choose another'),
    ],
)
def test_names_that_will_not_do(arguments: Any, message: str) -> None:
    with pytest.raises(Failure) as caught:
        Project.of(*arguments)
    assert message in str(caught.value)
