"""A real HTTP server on loopback that speaks OpenAI's chat completions, scripted by the test that starts it.

``with model_server(lambda request: "hello") as server:`` answers every request with one text. The handler gets the
request's JSON and returns a text, or an ``Answer`` for everything that can go wrong between a client and a model.
The model is then ``MODEL`` with ``base_url=server.url``, and ``KEY_VARIABLE`` must hold some key.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "openai-api/scripted/pretend"
KEY_VARIABLE = "SCRIPTED_API_KEY"

NO_RETRY = {"x-should-retry": "false"}
"""Headers that stop the client library's own retries, which would only make a test of a failure slow."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; ``body`` replaces the JSON that is made of the other fields."""

    text: str = ""
    status: int = 200
    finish: str = "stop"
    refusal: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    """How long the server waits before it answers."""
    body: bytes | None = None


Handler = Callable[[dict[str, Any]], str | Answer]


class ModelServer:
    """What the server was asked, in the order of arrival, and how many requests it had in hand at most."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.requests: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        """When each request came, on the monotonic clock."""
        self.headers: list[dict[str, str]] = []
        """Of each request, by name in lower case."""
        self.defects: list[Exception] = []
        """What the handler raised; the first is raised again when the block ends."""
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()

    def begin(self, request: dict[str, Any], headers: dict[str, str]) -> None:
        with self._lock:
            self.requests.append(request)
            self.headers.append(headers)
            self.seconds.append(time.monotonic())
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def end(self) -> None:
        with self._lock:
            self._at_once -= 1


@contextmanager
def model_server(handler: Handler) -> Iterator[ModelServer]:
    """Serve until the block ends, on a free port of the loopback interface."""

    class Service(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.begin(request, {name.lower(): value for name, value in self.headers.items()})
            try:
                answer = handler(request)
            except Exception as error:  # a defect of the test, which must not look like one of the client
                server.defects.append(error)
                answer = Answer("the handler failed", status=500, headers=NO_RETRY)
            try:
                self._send(Answer(answer) if isinstance(answer, str) else answer, request)
            except (BrokenPipeError, ConnectionResetError):  # the client gave up waiting
                self.close_connection = True
            finally:
                server.end()

        def _send(self, answer: Answer, request: dict[str, Any]) -> None:
            time.sleep(answer.seconds)
            body = answer.body if answer.body is not None else json.dumps(_completion(answer, request)).encode()
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Tests read the requests, not standard error."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    http.daemon_threads = True
    server = ModelServer(f"http://127.0.0.1:{http.server_address[1]}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
    if server.defects:
        raise server.defects[0]


def _completion(answer: Answer, request: dict[str, Any]) -> dict[str, Any]:
    """The body of an answer in OpenAI's form; tokens are words, so that a test can count them by hand."""
    if answer.status != 200:
        return {"error": {"message": answer.text or "the test says no", "type": "scripted", "code": None}}
    read = sum(len(str(message["content"]).split()) for message in request["messages"])
    written = len(answer.text.split())
    message = {"role": "assistant", "content": answer.text, "refusal": answer.refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": request["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish, "logprobs": None}],
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written},
    }
