"""The agent's configuration: files, folders, flags; unknown keys are errors."""

from pathlib import Path

import pytest

from orchestrator.configuration import ConfigurationError, load


def test_development_mode_needs_nothing() -> None:
    configuration = load([], {"dev": True})
    assert (configuration.http_host, configuration.ports.http, configuration.datacenter) == ("127.0.0.1", 4646, "dc1")
    assert configuration.client.enabled
    assert configuration.server.enabled


def test_hcl_and_json_merge_in_order_and_flags_come_last(tmp_path: Path) -> None:
    (tmp_path / "1.hcl").write_text(
        'name = "one"\nlog_level = "DEBUG"\nports { http = 1111 }\n'
        'plugin "raw_exec" {\n  config {\n    enabled = true\n  }\n}\n'
    )
    (tmp_path / "2.json").write_text('{"name": "two", "client": {"meta": {"rack": "r1"}}}')
    configuration = load([str(tmp_path)], {"dev": True, "log_level": "WARN"})
    assert (configuration.name, configuration.log_level, configuration.ports.http) == ("two", "WARN", 1111)
    assert configuration.client.meta == {"rack": "r1"}
    assert configuration.client.enabled
    assert configuration.plugin["raw_exec"].config == {"enabled": "true"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"nmae": "x"}', "unexpected keys nmae"),
        ('{"client": {"metta": {}}}', r"unexpected keys client\.metta"),
        ('{"ports": {"http": "many"}}', r'"ports\.http".*integer'),
        ('{"name": ', r"agent\.json"),
        ("[1]", r"agent\.json"),
    ],
)
def test_bad_settings_name_the_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "agent.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        load([str(path)], {"dev": True})


def test_bad_hcl_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "agent.hcl"
    path.write_text('name = "x\n')
    with pytest.raises(ConfigurationError, match=r"agent\.hcl"):
        load([str(path)], {"dev": True})


def test_a_durable_agent_needs_an_absolute_data_dir(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="data_dir"):
        load([], {})
    with pytest.raises(ConfigurationError, match="absolute"):
        load([], {"data_dir": "here"})
    with pytest.raises(ConfigurationError, match="no such file"):
        load([str(tmp_path / "none.hcl")], {"dev": True})
