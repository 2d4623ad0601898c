import pytest

from operators.otel_collector.components import component_type, is_component_id


@pytest.mark.parametrize("text", ["otlp", "otlp/2", "tcp_log/a-b.c", "otlp/ä", "a" * 63, "otlp/" + "x" * 1024])
def test_ids_that_the_collector_accepts(text: str) -> None:
    assert is_component_id(text)


@pytest.mark.parametrize("text", ["", "2otlp", "otlp/", "/x", "otlp/a b", "otlp/a+b", "o-t", "a" * 64, "otlp/a\n"])
def test_ids_that_the_collector_refuses(text: str) -> None:
    assert not is_component_id(text)


def test_a_type_is_known_by_its_present_name() -> None:
    assert component_type("otlp/2") == "otlp"
    assert component_type("tcplog/x") == "tcp_log"
