"""The page's server: FastAPI on one socket, JSON for the page's script, and nothing on the page from elsewhere."""

import socket
import threading
import webbrowser
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict

from beneficent.core.errors import BeneficentError, DataError
from beneficent.core.files import explain_os_error
from beneficent.core.installation import require
from beneficent.situations.audit.rubrics import Score
from beneficent.situations.definitions import domains, traits
from beneficent.situations.review.guard import HEADERS, Guard
from beneficent.situations.review.progress import State
from beneficent.situations.review.reviewing import ConflictError, LibraryReview, Seen
from beneficent.situations.selection import Selection
from beneficent.situations.types import Split

if TYPE_CHECKING:
    from fastapi import FastAPI

_STATIC = Path(__file__).parent / "page" / "static"


class Act(BaseModel):
    """The body of a request that changes something."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str
    digest: str
    reason: str = ""
    changes: dict[str, str] = {}
    verdicts: dict[str, dict[str, bool]] = {}


@dataclass(frozen=True, slots=True)
class Address:
    """Where the page is to be served."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0 for any that is free."""
    token: str | None = None


def serve(
    library: Path, log: Path | None, score: Score, address: Address, open_browser: bool, say: Callable[[str], None]
) -> None:
    """Serve the review page until interrupted.

    Args:
        log: the review log, or None for the one beside the library.
        score: the project's rubric arithmetic, ``beneficent.grading.rubric.score_points``.
        open_browser: whether to open the page in the user's browser.
        say: told once what is reviewed and where the page is.

    Raises:
        MissingExtraError: the extra ``web`` is not installed.
        DataError: there is no situation file.
        BeneficentError: the address is taken, is not of this machine, or needs a token; a file cannot be read.
    """
    for module in ("fastapi", "ruamel.yaml"):
        require(module, "web")
    uvicorn = require("uvicorn", "web")
    review = LibraryReview(library, log, score)
    guard = Guard(address.host, address.token)
    with closing(_bind(address)) as listener:
        port = listener.getsockname()[1]
        host = f"[{address.host}]" if ":" in address.host else address.host
        query = f"?token={quote(address.token, safe='')}" if address.token else ""
        url = f"http://{host}:{port}/{query}"
        num_situations = review.overview(Selection(), None, "")["num_situations"]
        say(f"{num_situations:,} situations of {review.files.library}; the review log is {review.log}")
        say(f"Open {url} (Ctrl-C ends it)")
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        config = uvicorn.Config(
            make_app(review, guard, f"beneficent-review-{port}"),
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="off",
            timeout_graceful_shutdown=2,
        )
        with suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _bind(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        raise BeneficentError(
            f"{address.host} port {address.port} cannot be served: {explain_os_error(error)}; "
            "choose another --port (0 for any that is free) or --host"
        ) from error


def make_app(review: LibraryReview, guard: Guard, cookie: str) -> "FastAPI":
    """The application; ``cookie`` is the name of the session's cookie, which browsers share between ports."""
    from fastapi import FastAPI
    from fastapi.staticfiles import StaticFiles

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    _add_errors(app)
    _add_guard(app, guard, cookie)
    _add_reading(app, review, guard)
    _add_acts(app, review)
    app.mount("/static", StaticFiles(directory=_STATIC))
    return app


def _add_guard(app: "FastAPI", guard: Guard, cookie: str) -> None:
    from fastapi import Request, Response
    from fastapi.responses import JSONResponse

    @app.middleware("http")
    async def check(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        sent = request.cookies.get(cookie, "")
        session = sent if guard.knows(sent) else None
        refusal = guard.refusal(request.method, request.headers, session)
        is_new = session is None and guard.opens(request.query_params.get("token", ""))
        response: Response
        if refusal is not None:
            response = JSONResponse({"error": refusal.message}, refusal.status)
        elif session is None and not is_new:
            message = "open the address that the command printed, with its ?token=..., in this browser first"
            response = JSONResponse({"error": message}, 401)
        else:
            request.state.session = session or guard.new_session()
            response = await go_on(request)
            if is_new:
                response.set_cookie(cookie, request.state.session, httponly=True, samesite="strict")
        response.headers.update(HEADERS)
        return response


def _add_errors(app: "FastAPI") -> None:
    from fastapi import Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse

    @app.exception_handler(BeneficentError)
    async def tell(_: Request, error: BeneficentError) -> Response:
        status = 409 if isinstance(error, ConflictError) else 422 if isinstance(error, DataError) else 500
        return JSONResponse({"error": str(error)}, status)

    @app.exception_handler(RequestValidationError)
    async def tell_form(_: Request, error: RequestValidationError) -> Response:
        problems = ("{}: {}".format(".".join(map(str, one["loc"][1:])), one["msg"]) for one in error.errors())
        return JSONResponse({"error": "; ".join(problems)}, 422)


def _add_reading(app: "FastAPI", review: LibraryReview, guard: Guard) -> None:
    from fastapi import Request
    from fastapi.responses import HTMLResponse

    @app.get("/", response_class=HTMLResponse)
    def page(request: Request) -> str:
        return render_page(guard.csrf(request.state.session), review.files.library.name)

    @app.get("/api/session")
    def session(request: Request) -> Mapping[str, str]:
        return {"csrf": guard.csrf(request.state.session)}

    @app.get("/api/situations")
    def situations(
        trait: str | None = None,
        domain: str | None = None,
        split: str | None = None,
        state: State | None = None,
        words: str = "",
    ) -> Mapping[str, Any]:
        selection = Selection((trait,) if trait else (), (domain,) if domain else (), split=split)
        return review.overview(selection, state, words)

    @app.get("/api/situations/{id:path}")
    def situation(id: str, request: Request) -> Mapping[str, Any]:
        return review.situation(request.state.session, id)


def _add_acts(app: "FastAPI", review: LibraryReview) -> None:
    from fastapi import Request

    def seen(request: Request, act: Act) -> Seen:
        return Seen(request.state.session, act.role, act.digest)

    @app.post("/api/score/{id:path}")
    def score(id: str, act: Act, request: Request) -> Mapping[str, Any]:
        return review.score(seen(request, act), id, act.verdicts)

    @app.post("/api/accept/{id:path}")
    def accept(id: str, act: Act, request: Request) -> Mapping[str, Any]:
        return review.accept(seen(request, act), id)

    @app.post("/api/reject/{id:path}")
    def reject(id: str, act: Act, request: Request) -> Mapping[str, Any]:
        return review.reject(seen(request, act), id, act.reason)

    @app.post("/api/edit/{id:path}")
    def edit(id: str, act: Act, request: Request) -> Mapping[str, Any]:
        return review.edit(seen(request, act), id, act.changes)


def render_page(csrf: str, library: str) -> str:
    """The page as HTML; its script fetches the situations."""
    environment = Environment(
        loader=PackageLoader("beneficent.situations.review", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        csrf=csrf,
        library=library,
        traits=traits().values(),
        domains=domains().values(),
        splits=get_args(Split),
        states=get_args(State),
    )
