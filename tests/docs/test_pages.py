"""What the pages say can be followed: links lead somewhere, code runs, and tests and modules that are named exist."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, blocks, missing_tests, prose

PAGES = sorted(DOCS.rglob("*.md"))
CONCEPTS = sorted((DOCS / "concepts").glob("*.md"))

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
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


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
