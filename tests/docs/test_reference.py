"""`docs/reference.md` is what its generator makes of the code as it is."""

from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

import operator_kit
from tests.docs.pages import DOCS


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = spec_from_file_location("generate_reference", DOCS / "generate_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(generator: ModuleType) -> None:
    assert (DOCS / "reference.md").read_text() == generator.page(), "run: python docs/generate_reference.py"


def test_every_public_name_has_a_summary(generator: ModuleType) -> None:
    lacking = [line for line in generator.page().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert lacking == []
    assert all(f"| `{name}" in generator.page() for name in operator_kit.__all__)
