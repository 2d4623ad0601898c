"""Finding an operator in somebody's code, and saying clearly why there is none."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from operator_kit.process.loading import CannotLoad, find, load

KIND = """
from pydantic import BaseModel
from operator_kit import Context, Reconciler, Resource

class Thing(Resource, group="test", kind="thing"):
    class Spec(BaseModel):
        size: int = 1
"""

RECONCILER = """
class ThingReconciler(Reconciler[Thing]):
    async def reconcile(self, thing: Thing, ctx: Context[Thing]) -> None:
        pass
"""

NEEDY = """
class NeedyReconciler(Reconciler[Thing]):
    def __init__(self, size: int) -> None:
        self.size = size
    async def reconcile(self, thing: Thing, ctx: Context[Thing]) -> None:
        pass
"""


@pytest.fixture(autouse=True)
def _imports_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each test has its own modules, in its own folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def write(path: str, text: str = "") -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def loaded(text: str) -> list[str]:
    return [type(reconciler).__name__ for reconciler in load(find(text))]


def failure(text: str) -> CannotLoad:
    with pytest.raises(CannotLoad) as caught:
        load(find(text))
    return caught.value


def a_package() -> None:
    write("website/__init__.py")
    write("website/__main__.py", "raise SystemExit('it runs')")
    write("website/operator.py", KIND + RECONCILER)
    write("website/test_operator.py", "raise SystemExit('a test')")
    write("website/pyproject.toml")


@pytest.mark.parametrize("text", ["website", "./website", "website/operator.py", "website.operator", "."])
def test_a_package_by_its_name_its_folder_its_file_or_the_folder_of_its_project(text: str) -> None:
    a_package()
    target = find(text)
    assert (target.name, target.folder) == ("website", Path("website").resolve())
    assert loaded(text) == ["ThingReconciler"]


def test_a_file_that_is_in_no_package() -> None:
    write("elsewhere/blog.py", KIND + RECONCILER)
    target = find("elsewhere/blog.py")
    assert (target.module, target.name, target.root) == ("blog", "blog", Path("elsewhere").resolve())
    assert loaded("elsewhere/blog.py") == ["ThingReconciler"]


def test_a_file_deep_in_packages() -> None:
    write("a/__init__.py")
    write("a/b/__init__.py")
    target = find(str(write("a/b/reconciler.py", KIND + RECONCILER)))
    assert (target.module, target.name, target.root) == ("a.b.reconciler", "b", Path.cwd().resolve())


def test_instances_that_a_module_names_come_before_its_classes() -> None:
    write("blog.py", KIND + RECONCILER + NEEDY + "reconcilers = [NeedyReconciler(3), ThingReconciler]")
    assert loaded("blog") == ["NeedyReconciler", "ThingReconciler"]


def test_an_operator_without_a_kind() -> None:
    code = """
from operator_kit.id_reconciler import IdReconciler

class Sweeper(IdReconciler):
    name = "sweeper"
    async def reconcile(self, id, ctx=None):
        pass
"""
    write("sweep.py", code)
    assert loaded("sweep") == ["Sweeper"]


def test_one_operator_that_a_module_names() -> None:
    write("blog.py", KIND + RECONCILER + NEEDY + "operator = NeedyReconciler(3)")
    assert loaded("blog") == ["NeedyReconciler"]


def test_all_classes_that_lack_nothing_and_only_those_that_are_defined_there() -> None:
    write("base.py", KIND + RECONCILER)
    write("blog.py", "from base import *\nclass Second(ThingReconciler): pass\nclass _Half(ThingReconciler): pass\n")
    assert loaded("blog") == ["Second"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nosuch", "there is no module nosuch in "),
        ("nosuch.deeper", "there is no module nosuch.deeper in "),
        ("nosuch.py", "there is no file nosuch.py"),
        ("no-such", '"no-such" is neither a file, nor a folder, nor the dotted name of a module'),
    ],
)
def test_what_is_not_there(text: str, message: str) -> None:
    assert str(failure(text)).startswith(message)


def test_a_folder_with_a_choice() -> None:
    write("one/__init__.py")
    write("two/__init__.py")
    write("tests/__init__.py")
    assert str(failure(".")).endswith("is neither a package nor the folder of exactly one; packages in it: one, two")


def test_a_module_without_an_operator() -> None:
    write("blog.py", KIND)
    assert "blog defines no reconciler: derive a class from Reconciler or IdReconciler" in str(failure("blog"))


def test_an_attribute_that_holds_something_else() -> None:
    write("blog.py", "reconcilers = [3]")
    write("clog.py", "reconcilers = []")
    assert str(failure("blog")) == "blog.reconcilers holds 3, which is no reconciler"
    assert "clog.reconcilers is empty" in str(failure("clog"))


def test_a_class_that_needs_arguments() -> None:
    write("blog.py", KIND + NEEDY)
    assert "name an instance in blog: reconcilers = [NeedyReconciler(…)]" in str(failure("blog"))


@pytest.mark.parametrize(
    ("code", "message", "line"),
    [
        ("def f(:\n", "blog cannot be imported: SyntaxError", "def f(:"),
        ("import nosuchmodule\n", "blog cannot be imported: ModuleNotFoundError: No module named 'nosuchmodule'", "line 1"),
        ("\nraise SystemExit(7)\n", "blog cannot be imported: SystemExit: 7", "line 2"),
    ],
)
def test_code_that_raises_is_shown_from_its_own_first_line_on(code: str, message: str, line: str) -> None:
    write("blog.py", code)
    error = failure("blog")
    assert str(error).startswith(message)
    assert line in error.details
    assert "importlib" not in error.details
