"""The functions, by family."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from jobspec import JobspecError, parse

Evaluate = Callable[[str], Any]

TEXT = [
    ('strlen("👩‍🚀e\\u0301")', 2),
    ('reverse("abc")', "cba"),
    ('substr("hello", -3, 2)', "ll"),
    ('substr("hello", 1, -1)', "ello"),
    ('title("two words-here")', "Two Words-Here"),
    ('upper("straße")', "STRAßE"),
    ('split(",", "a,,b")', ["a", "", "b"]),
    ('join("-", ["a"], [1, true])', "a-1-true"),
    ('indent(2, "a\\nb")', "a\n  b"),
    ('chomp("a\\r\\n\\n")', "a"),
    ('trim("!!a!", "!")', "a"),
    ('replace("a.b", ".", "-")', "a-b"),
    ('regex_replace("port 80", "(\\\\w+) (\\\\d+)", "$2 $1")', "80 port"),
    ('regex_replace("x=1", "(?P<k>[[:alpha:]])=", "$${k}:")', "x:1"),
    ('sort(["b", 10, "a"])', ["10", "a", "b"]),
    ('format("%05d|%-4s|%6.2f|%q|%x|%v", 42, "a", 3.14159, "q", 255, [1, null])', '00042|a   |  3.14|"q"|ff|[1,null]'),
    ('format("%[2]s %[1]s", "a", "b")', "b a"),
    ('format("%e %g %v", 12345.678, 0.5, 1e21)', "1.234568e+04 0.5 1e+21"),
    ('formatlist("%s-%d", ["a", "b"], 1)', ["a-1", "b-1"]),
]
NUMBERS = [
    ("abs(-1.5)", 1.5),
    ("ceil(1.2) + floor(1.8)", 3),
    ("max(1, 5, 3) - min(2, 4)", 3),
    ("max([4, 9]...)", 9),
    ('parseint("ff", 16)', 255),
    ('parseint("-zz", 36)', -1295),
    ("pow(2, 10)", 1024),
    ("log(8, 2)", 3),
    ("signum(-3)", -1),
]
COLLECTIONS = [
    ("chunklist([1, 2, 3], 2)", [[1, 2], [3]]),
    ('coalesce(null, "", "x")', ""),
    ("coalescelist([], [1])", [1]),
    ('compact(["", "a"])', ["a"]),
    ("concat([1], [], ['x'])".replace("'", '"'), [1, "x"]),
    ('contains(["1"], 1)', False),
    ("distinct([2, 1, 2])", [2, 1]),
    ("element([1, 2], 3)", 2),
    ("flatten([[1, [2]], 3])", [1, 2, 3]),
    ("index([1, 2], 1)", 2),
    ("keys({ b = 1, a = 2 })", ["a", "b"]),
    ("length([1, 2])", 2),
    ('lookup({ a = 1 }, "b", 9)', 9),
    ("merge({ a = 1 }, null, { a = 2, b = 3 })", {"a": 2, "b": 3}),
    ("range(5, 2)", [5, 4, 3]),
    ("range(0, 1, 0.25)", [0, 0.25, 0.5, 0.75]),
    ("slice([1, 2, 3], 1, 3)", [2, 3]),
    ('zipmap(["a"], [1])', {"a": 1}),
    ("setunion([2, 1], [3, 1])", [1, 2, 3]),
    ('setintersection(["a", "b"], ["b"])', ["b"]),
    ('setproduct([1], ["a", "b"])', [[1, "a"], [1, "b"]]),
]
ENCODINGS = [
    ('base64decode(base64encode("ü"))', "ü"),
    ('urlencode("a b/ü")', "a+b%2F%C3%BC"),
    ('csvdecode("a,b\\n1,\\"x,y\\"\\n")', [{"a": "1", "b": "x,y"}]),
    ('jsonencode({ b = [1.50, null], a = "<" })', '{"a":"\\u003c","b":[1.5,null]}'),
    ('jsondecode("{\\"a\\": [1.0, true]}")', {"a": [1, True]}),
    (
        "yamldecode(\"a: yes\\nb: [0x1f, 010, '1']\\nc: 2024-02-29\\n\")",
        {"a": True, "b": [31, 10, "1"], "c": "2024-02-29T00:00:00Z"},
    ),
    ('yamldecode("d: &d {a: 1}\\ne: {<<: *d, b: 2}\\n").e', {"a": 1, "b": 2}),
    ('yamlencode({ a = [1, "x"], b = "l\\nm\\n" })', '"a":\n- 1\n- "x"\n"b": |\n  l\n  m\n'),
]
OTHERS = [
    ('sha256("")', "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ('md5("a")', "0cc175b9c0f1b6a831c399e269772661"),
    ('uuidv5("dns", "python.org")', "886313e1-3b8a-5372-9b90-0c9aee199e5d"),
    ('cidrhost("10.0.0.0/8", -2)', "10.255.255.254"),
    ('cidrnetmask("10.0.0.0/12")', "255.240.0.0"),
    ('cidrsubnet("172.16.0.0/12", 4, 2)', "172.18.0.0/16"),
    ('cidrsubnets("10.0.0.0/16", 4, 8)', ["10.0.0.0/20", "10.0.16.0/24"]),
    ('formatdate("EEE, DD MMM YYYY hh:mm ZZZ", "2024-02-29T13:05:09Z")', "Thu, 29 Feb 2024 13:05 UTC"),
    ('timeadd("2024-02-28T23:59:59+01:00", "1s")', "2024-02-29T00:00:00+01:00"),
    ('convert(["1", 2], list(number))', [1, 2]),
    ("convert({ a = 1, b = 2 }, object({ a = string }))", {"a": "1"}),
    ('can(jsondecode("{"))', False),
    ('try({}.a, [][0], "last")', "last"),
]


@pytest.mark.parametrize(("call", "value"), [*TEXT, *NUMBERS, *COLLECTIONS, *ENCODINGS, *OTHERS])
def test_results(evaluated: Evaluate, call: str, value: Any) -> None:
    assert evaluated(call) == value


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("upper(null)", 'Invalid value for "str" parameter: argument must not be null.'),
        ("upper([])", 'Invalid value for "str" parameter: string required, but have tuple.'),
        ("length({})", "collection must be a list, a map or a tuple"),
        ("range(2000)", "more than 1024 values were generated"),
        ('parseint("12", 2)', 'cannot parse "12" as a base 2 integer'),
        ('regex_replace("a", "(", "")', "error parsing regexp: missing closing ): `(`"),
        ('regex_replace("a", "(?=a)", "")', "invalid or unsupported Perl syntax: `(?=`"),
        ('format("%d", "x")', 'unsupported value for "%d" at 0: a number is required'),
        ('format("x", 1)', "too many arguments; no verbs in format string"),
        ('cidrsubnet("10.0.0.0/30", 8, 1)', "insufficient address space to extend prefix of 30 by 8"),
        ('yamldecode("&a [*a]")', "cannot refer to anchor within its own value"),
        ('file("/etc/hostname")', "filesystem function disabled"),
        ('basename("a/b")', "filesystem function disabled"),
    ],
)
def test_errors(evaluated: Evaluate, call: str, message: str) -> None:
    with pytest.raises(JobspecError, match=re.escape(message)):
        evaluated(call)


def test_every_uuid_is_another(evaluated: Evaluate) -> None:
    one, other = evaluated("[uuidv4(), uuidv4()]")
    assert one != other
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", one)


def test_rsadecrypt_opens_what_the_public_key_closed(evaluated: Evaluate) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    secret = base64.b64encode(key.public_key().encrypt(b"secret", padding.PKCS1v15())).decode()
    assert evaluated(f'rsadecrypt("{secret}", <<EOF\n{pem}EOF\n)') == "secret"


def test_files_are_read_where_that_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "a.txt").write_text("hello")
    source = """
    job "j" {
      meta {
        text   = file("conf/a.txt")
        coded  = filebase64("conf/a.txt")
        there  = fileexists("conf/a.txt")
        absent = fileexists("conf/b.txt")
        found  = join(",", fileset("conf", "*.txt"))
        name   = basename("conf/a.txt")
        dir    = dirname("conf/a.txt")
      }
    }
    """
    assert parse(source, files=True)["Meta"] == {
        "text": "hello",
        "coded": "aGVsbG8=",
        "there": "true",
        "absent": "false",
        "found": "a.txt",
        "name": "a.txt",
        "dir": "conf",
    }
    with pytest.raises(JobspecError, match="no file exists at nowhere"):
        parse('job "j" { region = file("nowhere") }', files=True)
