"""`python -m demo [--keep]`: the main job, with a real collector if one can be had.

It is built from Go modules, or found on PATH, or pulled as an image; where none of that is possible, the website example takes
its place and the demo says so. A step that fails says which and why, and leaves its logs.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from demo.collector import CollectorStory
from demo.shell import Shell, StepFailed
from demo.stage import Stage
from demo.website import WebsiteStory
from operators.otel_collector.distribution.build import BuildError, collector_binary, version


def story(shell: Shell, folder: Path) -> Stage:
    """The story that can be played on this machine."""
    shell.title("1. A real OpenTelemetry Collector")
    shell.say("$ python -m operators.otel_collector.distribution.build")
    try:
        binary = collector_binary(shell.say)
    except BuildError as error:
        shell.say(f"  {error}")
    else:
        shell.say(f"  {binary}")
        return CollectorStory(shell, folder, f"driver=raw_exec binary={binary}")
    image = f"otel/opentelemetry-collector:{version()}"
    if docker := shutil.which("docker"):
        shell.say(f"$ docker pull {image}")
        pulled = subprocess.run([docker, "pull", image], capture_output=True, text=True, check=False)
        if pulled.returncode == 0:
            return CollectorStory(shell, folder, f"driver=docker image={image}")
        shell.say(f"  {pulled.stderr.strip()}")
    shell.say("  No collector can be had here, so the website example takes its place.")
    return WebsiteStory(shell, folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m demo", description="The main job, end to end.")
    parser.add_argument("--keep", action="store_true", help="leave the agent and what it runs running")
    keep = parser.parse_args().keep
    folder = Path(tempfile.mkdtemp(prefix="nomad-demo-"))
    shell = Shell(folder / "demo.log")
    stage = story(shell, folder)
    try:
        stage.play(keep=keep)
    except (StepFailed, OSError) as error:
        shell.say(f"\nFAILED: {error}\nLogs: {folder}")
        stage.stop()
        return 1
    except KeyboardInterrupt:
        stage.stop()
        return 130
    if keep and stage.agent:
        token = shell.environment["NOMAD_TOKEN"]
        shell.say(
            f"\nIt all goes on: export NOMAD_ADDR={stage.address} NOMAD_TOKEN={token}; end it with kill {stage.agent.pid}"
        )
    else:
        stage.stop()
    shell.say(f"\nDone. Log: {folder / 'demo.log'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
