import tarfile
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import DockerException, ImageNotFound

from operators.otel_collector.distribution.image import ImageError, import_image


class Engine:
    """Stands in for a Docker engine: keeps what was imported."""

    def __init__(self) -> None:
        self.labels: dict[str, str] = {}
        self.layers: list[list[tuple[str, int, bytes]]] = []
        self.changes: list[str] = []
        self.images = self.api = self

    def get(self, name: str) -> "Engine":
        assert name.startswith("otelcol-local:")
        if not self.layers:
            raise ImageNotFound("none")
        return self

    def import_image_from_file(self, filename: str, *, repository: str, tag: str, changes: list[str]) -> None:
        with tarfile.open(filename) as archive:
            self.layers.append([(m.name, m.mode, archive.extractfile(m).read()) for m in archive.getmembers()])
        self.changes = changes
        label = next(change for change in changes if change.startswith("LABEL "))
        self.labels = dict([label.removeprefix("LABEL ").split("=")])

    def close(self) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    monkeypatch.setattr(docker, "from_env", lambda: engine)
    return engine


def test_imports_the_binary_as_the_entrypoint(engine: Engine, tmp_path: Path) -> None:
    binary = tmp_path / "cached"
    binary.write_bytes(b"collector")
    assert import_image(binary) == "otelcol-local:0.165.0"
    assert engine.layers == [[("otelcol", 0o755, b"collector")]]
    assert 'ENTRYPOINT ["/otelcol"]' in engine.changes


def test_imports_again_only_when_the_binary_changed(engine: Engine, tmp_path: Path) -> None:
    binary = tmp_path / "otelcol"
    binary.write_bytes(b"one")
    import_image(binary)
    import_image(binary)
    assert len(engine.layers) == 1
    binary.write_bytes(b"two")
    import_image(binary)
    assert len(engine.layers) == 2


def test_an_engine_that_does_not_answer_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise DockerException("connection refused")

    monkeypatch.setattr(docker, "from_env", refuse)
    binary = tmp_path / "otelcol"
    binary.write_bytes(b"one")
    with pytest.raises(ImageError, match="docker: connection refused"):
        import_image(binary)
