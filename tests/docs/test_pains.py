"""`docs/pains.md` answers each of the 25 pains, and every answer names a test that there is."""

import re

from tests.docs.pages import DOCS, missing_tests, named_tests

PAGE = (DOCS / "pains.md").read_text()


def test_every_pain_is_there_once_and_in_order() -> None:
    assert re.findall(r"^## (\d+)\. ", PAGE, re.MULTILINE) == [str(number) for number in range(1, 26)]


def test_every_answer_is_proved() -> None:
    answers = re.split(r"^## ", PAGE, flags=re.MULTILINE)[1:]
    assert [answer.partition("\n")[0] for answer in answers if not named_tests(answer)] == []


def test_every_named_test_exists() -> None:
    assert missing_tests(PAGE) == []
