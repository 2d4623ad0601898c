"""The same story with the website example, where no collector is to be had. Its operator runs in the shell, not as a job."""

import subprocess
import sys
import urllib.request
from pathlib import Path

from demo.stage import Stage

PORT = 18080


class WebsiteStory(Stage):
    """A variable becomes a page on a port, is changed, and goes away again."""

    _operator: subprocess.Popen[bytes] | None = None

    def play(self, *, keep: bool = False) -> None:
        self.start_agent("2. A Nomad-compatible agent, with ACLs")
        self.shell.title("3. The website operator, from the shell")
        self.shell.say("$ python -m examples.website &")
        with (self.folder / "operator.log").open("wb") as log:
            self._operator = subprocess.Popen(
                [sys.executable, "-m", "examples.website"],
                stdout=log,
                stderr=log,
                env=self.shell.environment,
                cwd=Path(__file__).resolve().parent.parent,
            )
        self.shell.title("4. A website, declared as a variable")
        self._put("hello")
        self.shell.run("describe website hello")
        self.shell.title("5. The page")
        self._fetch("hello")
        self.shell.title("6. A second put: the new page is rolled out")
        self._put("hello again", "-force ")
        self._fetch("hello again")
        if not keep:
            self.shell.title("7. The variable is purged: everything disappears")
            self.purge("example", "website", "hello", "website-hello")

    def stop(self) -> None:
        if self._operator:
            self._operator.terminate()
            self._operator.wait(20)
        super().stop()

    def _put(self, page: str, flags: str = "") -> None:
        self.shell.run(f"var put {flags}-out none resources/example/website/hello 'page={page}' port={PORT}")
        seconds = self.shell.wait("a ready website", lambda: self.is_ready("website", "hello"), seconds=90)
        self.shell.run("get website hello")
        self.shell.say(f"  Ready after {seconds:.1f} s")

    def _fetch(self, page: str) -> None:
        url = f"http://127.0.0.1:{PORT}/"
        self.shell.say(f"$ curl {url}")
        self.shell.wait("the page", lambda: page == _content(url), seconds=20)
        self.shell.say(f"  {_content(url)}")


def _content(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""
