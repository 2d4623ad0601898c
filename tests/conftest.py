"""Options that choose the agent which the contract tests run against."""

import io
import os
import shutil
import subprocess
import tarfile

import pytest

from jobspec.depth import allow_deep_recursion


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nomad", "which agent the contract tests run against (default: the embedded one)")
    group.addoption("--nomad-addr", default="", metavar="URL", help="a running Nomad 2.x agent, as http://HOST:PORT")
    group.addoption("--nomad-token", default="", metavar="SECRET", help="a management token of it, if it has ACLs on")


def pytest_configure() -> None:
    """Make the room for deep documents before any test: hypothesis does not like the limit to change in the middle of one."""
    allow_deep_recursion()


@pytest.fixture(scope="session")
def busybox_image() -> str:
    """A small image on the Docker engine of this machine, made from its own static busybox: no registry is asked.

    Without an engine the tests that need one are left out, and say so; with REQUIRE_DOCKER in the environment (continuous
    integration) they fail.
    """
    missing = pytest.fail if os.environ.get("REQUIRE_DOCKER") else pytest.skip
    docker, busybox = shutil.which("docker"), shutil.which("busybox")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode:
        missing("no Docker engine answers; .ci/run starts one")
    if busybox is None:
        missing("no busybox on PATH to make an image from; .ci/run installs one")
    assert docker
    assert busybox
    image = "busybox:1"
    if subprocess.run([docker, "image", "inspect", image], capture_output=True, check=False).returncode:
        applets = (
            "sh",
            "echo",
            "sleep",
            "cat",
            "env",
            "id",
            "ls",
            "seq",
            "wget",
            "httpd",
            "nc",
            "true",
            "false",
            "kill",
            "dd",
            "tail",
        )
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(busybox, arcname="bin/busybox")
            for applet in applets:
                link = tarfile.TarInfo(f"bin/{applet}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        subprocess.run([docker, "import", "-", image], input=archive.getvalue(), check=True, capture_output=True)
    return image
