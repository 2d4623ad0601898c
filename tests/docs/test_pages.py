"""What the pages say can be followed: links lead somewhere, code runs, and tests and modules that are named exist."""

import re
import shlex
from pathlib import Path

import click
import pytest

from nomadctl.framework import Group
from nomadctl.main import TREE
from tests.docs.pages import DOCS, ROOT, blocks, missing_tests, prose

PAGES = sorted(DOCS.rglob("*.md"))
CONCEPTS = sorted((DOCS / "concepts").glob("*.md"))

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^ *|`)(nomadctl [a-z][^`\n]*)", re.MULTILINE)
_MODULE = re.compile(r"`((?:operator_kit|nomadctl|nomad_api|orchestrator|examples|tests|docs)/[\w./-]+?\.(?:py|md|hcl))`")


def _name(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_and_named_files_and_tests_exist(page: Path) -> None:
    text = page.read_text()
    for link in _LINK.findall(prose(text)):
        if not link.startswith(("http://", "https://", "#")):
            target, _, anchor = link.partition("#")
            place = (page.parent / target).resolve()
            assert place.exists(), f"{_name(page)}: {link} leads nowhere"
            assert not anchor or anchor in _anchors(place), f"{_name(page)}: there is no heading for {link}"
    for module in _MODULE.findall(text):
        assert (ROOT / module).exists(), f"{_name(page)}: there is no {module}"
    assert missing_tests(text) == []


@pytest.mark.parametrize("page", CONCEPTS, ids=_name)
def test_the_code_of_a_concept_runs(page: Path) -> None:
    code = [block for block in blocks(page.read_text()) if block.language == "python"]
    names: dict[str, object] = {"__name__": "page"}
    for block in code:
        # The blocks of a page build on each other; the lines are those of the page, so a traceback leads there.
        exec(compile("\n" * block.line + block.text, str(page), "exec"), names)
    for name, value in names.items():
        if name.startswith("test_") and callable(value):
            value()


@pytest.mark.parametrize("page", CONCEPTS, ids=_name)
def test_a_concept_is_short_and_says_what_it_promises(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) <= 120
    for part in ("**Flow.**", "**Guarantees.**", "**Caveats.**", "Code: `"):
        assert part in text, f"{_name(page)} lacks {part}"


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    assert [_name(page) for page in PAGES if page.name != "README.md" and f"({_name(page)})" not in index] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_commands_are_written_as_the_program_takes_them(page: Path) -> None:
    for line in _COMMAND.findall(page.read_text()):
        words = shlex.split(line, comments=True)[1:]
        command: click.Command | None = Group(None, TREE)
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.get_command(click.Context(command), words.pop(0))
        assert command is not None, f"{_name(page)}: there is no command {line}"
        flags = {name for parameter in command.params for name in parameter.opts}
        while words and words[0].startswith("-"):
            flag = words.pop(0)
            assert flag in flags, f"{_name(page)}: {line} has no flag {flag}"
            parameter = next(parameter for parameter in command.params if flag in parameter.opts)
            if not getattr(parameter, "is_flag", False):
                words.pop(0)
        wrong = [word for word in words if re.match(r"-[a-z]", word)]
        assert wrong == [], f"{_name(page)}: {line}: a flag goes before the arguments"


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
