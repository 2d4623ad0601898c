"""`docs/guarantees.md` names a test for every guarantee, and none that there is not."""

import re

from tests.docs.pages import DOCS, missing_tests, named_tests

PAGE = (DOCS / "guarantees.md").read_text()


def test_every_named_test_exists() -> None:
    assert missing_tests(PAGE) == []


def test_every_guarantee_has_its_tests() -> None:
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    assert len(sections) >= 12
    assert [section.partition("\n")[0] for section in sections if not named_tests(section)] == []
