"""Our HCL parser and python-hcl2, an independent one, read the same document in the same way."""

import hcl2
import pytest

from jobspec.hcl import parse_document

DOCUMENTS = [
    'name = "web"\ncount = 3\nenabled = true\nnothing = null\n',
    'tags = ["a", "b", 1, [true, false]]\n',
    'meta = { a = "1", b = "2" }\n',
    'outer {\n  inner {\n    key = "value"\n  }\n  inner {\n    key = "other"\n  }\n}\n',
    "ratio = 1.5\nnegative = -7\n",
    '// a comment\n# another\n/* and\n more */\nkey = "value" # at the end\n',
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_both_read_the_same(document: str) -> None:
    options = hcl2.SerializationOptions(strip_string_quotes=True, with_comments=False, explicit_blocks=False)
    assert parse_document(document).to_dict() == hcl2.loads(document, serialization_options=options)
