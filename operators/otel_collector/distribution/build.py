"""Builds the collector from Go modules, once, into the user's cache.

The official builder generates the main program from `manifest.yaml` and nothing else: its own dependency resolution
would also ask for modules that only the components' tests import. `go build` then compiles against the `go.mod` and
`go.sum` kept beside the manifest, so that every build on every machine has the same modules, verified by checksum.

The binary is cached under `$XDG_CACHE_HOME` (default `~/.cache`), keyed by everything that determines it: manifest,
go.mod, go.sum and the version and platform of Go. A machine without Go uses the `otelcol` on its PATH.

    python -m operators.otel_collector.distribution.build [--print-path]
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import yaml

DISTRIBUTION = Path(__file__).parent
BINARY = "otelcol"
BUILDER = "go.opentelemetry.io/collector/cmd/builder"

_PINNED_FILES = ("manifest.yaml", "go.mod", "go.sum")
_PROGRESS_INTERVAL = 5.0

Report = Callable[[str], None]


class BuildError(Exception):
    """No collector can be provided; the message is one line with the reason and, for a failed step, the log's path."""


def collector_binary(report: Report | None = None) -> Path:
    """The path of a collector binary: the cached build, else a new build, else (without Go) `otelcol` on PATH.

    `report` receives one line per step of progress. Processes that ask at the same time wait for one build. Raises
    `BuildError`.
    """
    report = report or _to_stderr
    go = shutil.which("go")
    if go is None:
        installed = shutil.which(BINARY)
        if installed is None:
            raise BuildError(f"neither go nor {BINARY} is on PATH: install Go {_go_required()} or later, or {BINARY}")
        report(f"go is not on PATH: using {installed}")
        return Path(installed)
    directory = cache_directory() / cache_key(_go_version(go))
    binary = directory / BINARY
    if not binary.exists():
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with (directory / "lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not binary.exists():
                    _build(go, directory, binary, report)
        except OSError as error:
            raise BuildError(f"{BINARY}: the cache cannot be used: {error}") from error
    return binary


def version() -> str:
    """The version of the collector that the manifest describes, such as `0.165.0`."""
    manifest = yaml.safe_load((DISTRIBUTION / "manifest.yaml").read_text())
    return str(manifest["dist"]["version"])


def cache_directory() -> Path:
    """Where builds are kept, following the XDG base directory specification."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "nomad-operator-framework" / BINARY


def cache_key(go_version: str) -> str:
    """A short digest of everything that determines the binary; `go_version` includes the platform."""
    digest = hashlib.sha256(go_version.encode())
    for name in _PINNED_FILES:
        digest.update((DISTRIBUTION / name).read_bytes())
    return digest.hexdigest()[:16]


def _build(go: str, directory: Path, binary: Path, report: Report) -> None:
    started = time.monotonic()
    log = directory / "build.log"
    log.unlink(missing_ok=True)
    sources = directory / "sources"
    shutil.rmtree(sources, ignore_errors=True)
    sources.mkdir()
    for name in _PINNED_FILES:
        shutil.copy(DISTRIBUTION / name, sources)
    report(f"building {BINARY} {version()}, about a minute the first time (log: {log})")
    generate = ("--config", "manifest.yaml", "--skip-get-modules", "--skip-compilation")
    _run("generate sources", [go, "run", f"{BUILDER}@v{version()}", *generate], sources, log, report)
    # grpcnotrace lets the linker drop what only gRPC's tracing pages would reach; -v names each package as it is done.
    options = ("-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-tags=grpcnotrace", "-v")
    # A build that is interrupted must not be taken for a finished one, so the binary gets its name last.
    partial = sources / BINARY
    _run("compile", [go, "build", *options, "-o", str(partial), "."], sources, log, report)
    partial.replace(binary)
    shutil.rmtree(sources)
    report(f"built {BINARY} {version()} in {time.monotonic() - started:.0f} s")


def _run(step: str, command: Sequence[str], directory: Path, log: Path, report: Report) -> None:
    """Run one step with its output in the log, and report now and then how many lines (packages, modules) it got to."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
    report(f"{step} …")
    last_report = time.monotonic()
    lines = 0
    last_line = "no output"
    with (
        log.open("a") as out,
        subprocess.Popen(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        out.write(f"$ {' '.join(command)}\n")
        assert process.stdout is not None
        for line in process.stdout:
            out.write(line)
            lines += 1
            last_line = line.strip() or last_line
            if time.monotonic() - last_report >= _PROGRESS_INTERVAL:
                last_report = time.monotonic()
                report(f"{step} … {lines} modules and packages so far, now {last_line}")
    if process.returncode != 0:
        raise BuildError(f"{BINARY}: {step} failed with exit code {process.returncode}: {last_line} (log: {log})")


def _go_version(go: str) -> str:
    try:
        answer = subprocess.run([go, "version"], capture_output=True, text=True, check=True, cwd=DISTRIBUTION)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise BuildError(f"{go} does not work: {reason}") from error
    return answer.stdout.strip()


def _go_required() -> str:
    lines = (DISTRIBUTION / "go.mod").read_text().splitlines()
    return next(line.removeprefix("go ") for line in lines if line.startswith("go "))


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Progress goes to stderr, so that `--print-path` can be used in a shell substitution."""
    parser = argparse.ArgumentParser(prog="build", description="Build the OpenTelemetry Collector from Go modules.")
    parser.add_argument("--print-path", action="store_true", help="print only the binary's path to standard output")
    options = parser.parse_args(arguments)
    try:
        binary = collector_binary()
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(binary if options.print_path else f"{BINARY} is ready: {binary}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
