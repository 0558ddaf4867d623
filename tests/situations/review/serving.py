"""The real command on a free port of this machine, and a client that is no browser."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Server:
    """A running review page."""

    process: "subprocess.Popen[str]"
    url: str
    """As the command printed it, with the token where there is one."""

    @property
    def origin(self) -> str:
        return re.sub(r"(?<=\d)/.*", "", self.url)

    @property
    def address(self) -> str:
        return self.origin.removeprefix("http://")

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=20)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "beneficent", "situations", "review", *map(str, arguments)]


@contextmanager
def serving(library: Path, *options: object) -> Iterator[Server]:
    """The command, from the line that says where its page is until the end of the block."""
    process = subprocess.Popen(
        command(library, "--no-browser", *(options if "--port" in options else ("--port", 0, *options))),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = ""
        while not (found := re.search(r"^Open (\S+) ", said, re.MULTILINE)):
            line = process.stdout.readline()
            assert line, f"the command ended: {said}"
            said += line
        yield Server(process, found.group(1))
    finally:
        process.kill()
        process.communicate(timeout=20)


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Client:
    """Asks as the page does; what a test wants otherwise it overrides, a header of None is left out."""

    server: Server
    cookie: str = ""
    csrf: str = ""

    def open(self) -> Answer:
        answer = self.ask("GET", self.server.url.removeprefix(self.server.origin))
        if answer.status == 200:
            self.cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
            self.csrf = re.findall(r'name="csrf" content="(\w+)"', answer.text)[0]
        return answer

    def ask(self, method: str, path: str, body: str | None = None, **headers: str | None) -> Answer:
        own: dict[str, str | None] = {"Host": self.server.address, "Cookie": self.cookie}
        own |= {key.replace("_", "-"): value for key, value in headers.items()}
        host, _, port = self.server.address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in own.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None and "Content-Length" not in own:
                connection.putheader("Content-Length", str(len(body.encode())))
            connection.endheaders(None if body is None else body.encode())
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def get(self, id: str) -> Any:
        return self.ask("GET", f"/api/situations/{id}").json

    def act(self, name: str, id: str, digest: str | None = None, headers: Any = None, **body: Any) -> Answer:
        """A decision about a situation as it is now, or as it was under ``digest``."""
        sent = {"role": "human:nurse", "digest": digest or self.get(id)["digest"], **body}
        own = {"Origin": self.server.origin, "X_CSRF_Token": self.csrf, "Content_Type": "application/json"}
        return self.ask("POST", f"/api/{name}/{id}", json.dumps(sent), **{**own, **(headers or {})})
