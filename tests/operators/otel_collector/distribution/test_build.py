import re
import subprocess
import threading
from pathlib import Path

import pytest
import yaml

from operators.otel_collector.distribution import build
from operators.otel_collector.distribution.build import BuildError, cache_key, collector_binary, main, version

GO_THAT_BUILDS = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  version) echo "go version go1.99.0 test/test" ;;
  build) while [ "$1" != -o ]; do shift; done; echo binary > "$2" ;;
esac
"""
GO_THAT_FAILS = """#!/bin/sh
case "$1" in
  version) echo "go version go1.99.0 test/test" ;;
  run) echo generated ;;
  *) echo "first"; echo "missing module" >&2; exit 3 ;;
esac
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine: nothing but the base commands on PATH, an empty cache; returns a directory on its PATH."""
    commands = tmp_path / "bin"
    commands.mkdir()
    monkeypatch.setenv("PATH", f"{commands}:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return commands


def install(directory: Path, name: str, script: str) -> Path:
    path = directory / name
    path.write_text(script)
    path.chmod(0o755)
    return path


def calls(tmp_path: Path) -> list[str]:
    return [line.split()[0] for line in (tmp_path / "calls").read_text().splitlines()]


def test_builds_once_and_then_uses_the_cache(machine: Path, tmp_path: Path) -> None:
    install(machine, "go", GO_THAT_BUILDS)
    lines: list[str] = []
    first = collector_binary(lines.append)
    assert first.read_text() == "binary\n"
    assert first.is_relative_to(tmp_path / "cache")
    assert any("generate sources" in line for line in lines)
    assert any("compile" in line for line in lines)
    assert collector_binary(pytest.fail) == first
    assert calls(tmp_path) == ["version", "run", "build", "version"]


def test_two_at_a_time_share_one_build(machine: Path, tmp_path: Path) -> None:
    install(machine, "go", GO_THAT_BUILDS)
    threads = [threading.Thread(target=collector_binary, args=(lambda line: None,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls(tmp_path).count("build") == 1


def test_a_failed_step_is_named_with_its_log_and_leaves_no_binary(machine: Path) -> None:
    install(machine, "go", GO_THAT_FAILS)
    with pytest.raises(BuildError, match=r"compile failed with exit code 3: missing module") as failure:
        collector_binary(lambda line: None)
    assert "\n" not in str(failure.value)
    log = Path(re.search(r"\(log: (.*)\)", str(failure.value))[1])
    assert "first\nmissing module" in log.read_text()
    assert not (log.parent / "otelcol").exists()


def test_a_go_that_does_not_run_is_named(machine: Path) -> None:
    install(machine, "go", "#!/bin/sh\necho broken >&2\nexit 1\n")
    with pytest.raises(BuildError, match="go does not work: broken"):
        collector_binary(lambda line: None)


def test_without_go_the_installed_collector_is_used(machine: Path) -> None:
    installed = install(machine, "otelcol", "#!/bin/sh\n")
    assert collector_binary(lambda line: None) == installed


def test_without_go_and_collector_the_error_names_both(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-path"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert re.match(r"error: neither go nor otelcol is on PATH: install Go 1\.\d+\.\d+ or later", captured.err)


def test_print_path_prints_only_the_path(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    installed = install(machine, "otelcol", "#!/bin/sh\n")
    assert main(["--print-path"]) == 0
    assert capsys.readouterr().out == f"{installed}\n"


def test_the_cache_key_depends_on_go_and_on_every_pinned_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("manifest.yaml", "go.mod", "go.sum"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(build, "DISTRIBUTION", tmp_path)
    keys = {cache_key("go1"), cache_key("go2")}
    for name in ("manifest.yaml", "go.mod", "go.sum"):
        (tmp_path / name).write_text("changed")
        keys.add(cache_key("go1"))
    assert len(keys) == 5


def test_the_manifest_agrees_with_the_pinned_modules() -> None:
    manifest = yaml.safe_load((build.DISTRIBUTION / "manifest.yaml").read_text())
    assert manifest["dist"]["version"] == version()
    wanted = {entry["gomod"] for value in manifest.values() if isinstance(value, list) for entry in value}
    pinned = {line.strip() for line in (build.DISTRIBUTION / "go.mod").read_text().splitlines()}
    assert wanted <= pinned


@pytest.mark.timeout(600)
def test_the_real_collector_has_the_components_of_the_manifest(collector: Path) -> None:
    answer = subprocess.run([collector, "components"], capture_output=True, text=True, check=True)
    components = yaml.safe_load(answer.stdout)
    names = {section: {entry["name"] for entry in components[section]} for section in ("receivers", "exporters")}
    assert names["receivers"] >= {"nop", "otlp"}
    assert names["exporters"] >= {"debug", "file", "nop", "otlp_grpc", "otlp_http"}
    assert {entry["name"] for entry in components["extensions"]} >= {"health_check", "zpages"}
