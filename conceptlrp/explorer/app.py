"""The explorer as a web application: one page, its looks, and the page as JSON.

/                  the page of a state, see `conceptlrp.explorer.state`
/?text=...         a pasted transcript or position; leads to its page
/position.json     the report of the same state
/style.css, /explorer.css, /explorer.js
"""

import json
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from conceptlrp.errors import FileFormatError
from conceptlrp.explorer.engine import ExplorerEngine
from conceptlrp.explorer.guard import Guard
from conceptlrp.explorer.pages import explorer_page, problem_page
from conceptlrp.explorer.state import parse_pasted, parse_state

_FILES = (
    ("style.css", "conceptlrp.atlas", "text/css"),
    ("explorer.css", "conceptlrp.explorer", "text/css"),
    ("explorer.js", "conceptlrp.explorer", "text/javascript"),
)


def explorer_app(engine: ExplorerEngine, *, hosts: Iterable[str] = ()) -> Starlette:
    """Make the application.

    Parameters
    ----------
    engine : ExplorerEngine
        The network and the store.
    hosts : iterable of str
        Names that the Host header may have besides those of the loopback.

    Returns
    -------
    Starlette
        An ASGI application.
    """

    def page(request: Request) -> Response:
        items = request.query_params.multi_items()
        texts = [value for name, value in items if name == "text"]
        state = parse_state(
            (item for item in items if item[0] != "text"), size=engine.size
        )
        if any(text.strip() for text in texts):
            return RedirectResponse(parse_pasted(texts[0], state).href, 303)
        return HTMLResponse(explorer_page(engine, state))

    def report(request: Request) -> Response:
        state = parse_state(request.query_params.multi_items(), size=engine.size)
        found = engine.report(state.position, state.move, state.against)
        text = json.dumps(found.to_dict(), allow_nan=False)
        return Response(text, media_type="application/json")

    routes = [
        Route("/", page),
        Route("/position.json", report),
        *(Route(f"/{name}", _file(name, *where)) for name, *where in _FILES),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=tuple(hosts))],
        exception_handlers=_HANDLERS,
    )


def _file(name: str, package: str, media_type: str) -> Callable[[Request], Response]:
    content = files(package).joinpath(name).read_bytes()

    def answer(_: Request) -> Response:
        return Response(content, media_type=media_type)

    return answer


def _problem(sentence: str, status: int) -> Response:
    return HTMLResponse(problem_page(f"{sentence[:1].upper()}{sentence[1:]}."), status)


def _bad_request(_: Request, error: Exception) -> Response:
    # Errors of this library about what was asked for are all of this kind.
    return _problem(str(error), 400)


def _damaged(_: Request, __: Exception) -> Response:
    return _problem("the store cannot be read; 'conceptlrp check' says why", 500)


def _http_problem(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _problem("there is nothing at this address", status)


def _failure(_: Request, __: Exception) -> Response:
    return _problem("the explorer failed; its terminal says why", 500)


_HANDLERS: dict[Any, Callable[[Request, Exception], Response]] = {
    FileFormatError: _damaged,
    ValueError: _bad_request,
    HTTPException: _http_problem,
    Exception: _failure,
}
