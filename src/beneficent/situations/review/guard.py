"""Who may ask the page for what: the Host header, a session, the origin of a change, and the token for other hosts.

A page of another site can send requests to a server on this machine. It cannot read this page's token against such
posts, its requests carry its own origin and not the strict cookie, and a name that it points at this machine is not
among the hosts that are answered.
"""

import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from beneficent.core.errors import BeneficentError

FEWEST_SIGNS_OF_A_TOKEN = 16
MOST_BYTES_OF_A_REQUEST = 1_000_000
CSRF_HEADER = "x-csrf-token"
_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_ANY_ADDRESS = ("0.0.0.0", "::")

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Sent with every answer: scripts and styles only from files of this server, none within the page."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered, with its HTTP status."""

    status: int
    message: str


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine can reach ``host``: ``localhost``, ``127.0.0.1``, ``::1``."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules for one server.

    Raises:
        BeneficentError: other machines can reach ``host`` and there is no token, or the token is short.
    """

    host: str
    token: str | None = None
    """What opens the page; None lets in whoever can reach it."""
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def __post_init__(self) -> None:
        example = f"for instance --token {secrets.token_urlsafe()}"
        if self.token is None and not is_loopback(self.host):
            raise BeneficentError(
                f"other machines can reach --host {self.host}, so a token is needed: {example}; "
                "or leave --host out and use an SSH tunnel"
            )
        if self.token is not None and len(self.token) < FEWEST_SIGNS_OF_A_TOKEN:
            raise BeneficentError(
                f"the token has {len(self.token)} signs; allowed are {FEWEST_SIGNS_OF_A_TOKEN} or more, {example}"
            )

    def allows_host(self, header: str) -> bool:
        """Whether a Host header names this server; the port is left out, so that a tunnel may have another."""
        try:
            name = (urlsplit(f"//{header}").hostname or "").rstrip(".")
        except ValueError:
            return False
        if is_loopback(self.host):
            return name in _LOOPBACK_NAMES or name == self.host.lower()
        if self.host in _ANY_ADDRESS:
            # An address cannot be pointed elsewhere as a name can, so any address will do; of names only our own.
            return name in _LOOPBACK_NAMES or _is_address(name) or name in _own_names()
        return name == self.host.lower()

    def opens(self, token: str) -> bool:
        """Whether a token is the right one, in a time that does not tell how much of it is right."""
        return self.token is None or hmac.compare_digest(token.encode(), self.token.encode())

    def new_session(self) -> str:
        """A session's cookie, signed by this server's run."""
        name = secrets.token_urlsafe(16)
        return f"{name}.{self._sign('session', name)}"

    def knows(self, session: str) -> bool:
        """Whether a cookie is a session of this server's run."""
        name, _, signature = session.partition(".")
        return hmac.compare_digest(signature.encode(), self._sign("session", name).encode())

    def csrf(self, session: str) -> str:
        """What a request of this session must carry to change anything."""
        return self._sign("csrf", session)

    def refusal(self, method: str, headers: Mapping[str, str], session: str | None) -> Refusal | None:
        """Why a request is refused, or None; ``headers`` by lower-case name."""
        host = headers.get("host", "")
        if not self.allows_host(host):
            return Refusal(403, f"this page does not answer as {host!r}; open the address that the command printed")
        if method in ("GET", "HEAD"):
            return None
        origin = urlsplit(headers.get("origin", ""))
        if origin.scheme not in ("http", "https") or origin.netloc != host:
            return Refusal(403, "changes are taken from this page only, not from another site or program")
        sent = headers.get(CSRF_HEADER, "")
        if session is None or not hmac.compare_digest(sent.encode(), self.csrf(session).encode()):
            return Refusal(403, "this page belongs to an earlier start of the server; load it again")
        if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return Refusal(415, "changes are taken as application/json")
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return Refusal(411, "the length of the request is missing")
        if int(length) > MOST_BYTES_OF_A_REQUEST:
            return Refusal(413, f"the request has {int(length):,} bytes; allowed are {MOST_BYTES_OF_A_REQUEST:,}")
        return None

    def _sign(self, purpose: str, text: str) -> str:
        return hmac.new(self._secret, f"{purpose}:{text}".encode(), hashlib.sha256).hexdigest()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _own_names() -> set[str]:
    return {socket.gethostname().lower(), socket.getfqdn().lower()}
