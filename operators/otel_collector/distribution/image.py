"""Imports the built collector as a local Docker image, for machines whose Docker engine can pull nothing.

The image has the shape of the upstream one, an executable and nothing else under user 10001, so that what works with
it also works with a released collector.

    python -m operators.otel_collector.distribution.image
"""

import hashlib
import sys
import tarfile
import tempfile
from pathlib import Path

import docker
from docker.errors import DockerException, ImageNotFound

from operators.otel_collector.distribution.build import BuildError, collector_binary, version

REPOSITORY = "otelcol-local"
_DIGEST_LABEL = "otelcol.sha256"


class ImageError(Exception):
    """The image cannot be made; the message is one line with Docker's reason."""


def import_image(binary: Path) -> str:
    """Make the binary a local image and return its tag, such as `otelcol-local:0.165.0`.

    An image of the same binary is left as it is. Raises `ImageError` when no Docker engine answers or it refuses.
    """
    tag = version()
    name = f"{REPOSITORY}:{tag}"
    with binary.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        client = docker.from_env()
        try:
            if not _is_imported(client, name, digest):
                _import(client, binary, tag, digest)
        finally:
            client.close()
    except DockerException as error:
        raise ImageError(f"docker: {error}") from error
    return name


def _is_imported(client: docker.DockerClient, name: str, digest: str) -> bool:
    try:
        return bool(client.images.get(name).labels.get(_DIGEST_LABEL) == digest)
    except ImageNotFound:
        return False


def _import(client: docker.DockerClient, binary: Path, tag: str, digest: str) -> None:
    changes = ['ENTRYPOINT ["/otelcol"]', "USER 10001:10001", f"LABEL {_DIGEST_LABEL}={digest}"]
    with tempfile.NamedTemporaryFile(suffix=".tar") as layer:
        with tarfile.open(fileobj=layer, mode="w") as archive:
            member = archive.gettarinfo(str(binary), arcname="otelcol")
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = 0o755
            with binary.open("rb") as file:
                archive.addfile(member, file)
        layer.flush()
        client.api.import_image_from_file(layer.name, repository=REPOSITORY, tag=tag, changes=changes)


def main() -> int:
    """The command line: build the collector when needed, import it, print the tag to standard output."""
    try:
        print(import_image(collector_binary()))
    except (BuildError, ImageError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
