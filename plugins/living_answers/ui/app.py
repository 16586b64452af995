"""The page: a FastAPI application that Airflow mounts under /answers.

It only reads, but for the judgement of a run whose end it sees: runs are started through Airflow's own API.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.base import RequestResponseEndpoint

from living_answers import ledger
from living_answers.answers.declaration import DAGS
from living_answers.ledger import LedgerNotConfiguredError, judgements
from living_answers.ui import assets, guard, pages, progress, shelf
from living_answers.ui.airflow_runs import AirflowRuns, Runs
from living_answers.ui.evidence import last_runs
from living_answers.ui.guard import Visitor
from living_answers.ui.links import InAirflow
from living_answers.ui.render import render
from living_answers.ui.shelf import Shelf

PREFIX = "/answers"
DAGS_VARIABLE = "AIRFLOW__CORE__DAGS_FOLDER"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

# No interactive documentation: FastAPI would serve it without asking for the user.
app = FastAPI(
    title="Living Answers",
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(guard.may_read)],
)


def dags_folder() -> Path:
    """Return where the answers' files are: where Airflow reads them, else beside the library."""
    return Path(os.environ.get(DAGS_VARIABLE, DAGS))


def airflow_runs() -> Runs:
    """Return where it is known how runs stand."""
    return AirflowRuns()


def links(request: Request) -> InAirflow:
    """Return the links below the prefix under which the application is mounted."""
    prefix = str(request.scope.get("root_path", "")).rstrip("/")
    return InAirflow(prefix, prefix.removesuffix(PREFIX))


VisitorDep = Annotated[Visitor, Depends(guard.visitor)]
LinksDep = Annotated[InAirflow, Depends(links)]
RunsDep = Annotated[Runs, Depends(airflow_runs)]
FolderDep = Annotated[Path, Depends(dags_folder)]


def readable_shelf(folder: FolderDep, visitor: VisitorDep) -> Shelf:
    """Return everything that the visitor may read."""
    with ledger.engine().connect() as connection:
        all_of_it = shelf.look(connection, folder)
    return all_of_it.only(visitor.readable(all_of_it.answers))


ShelfDep = Annotated[Shelf, Depends(readable_shelf)]


@app.get("/")
def index(shelf: ShelfDep, links: LinksDep) -> HTMLResponse:
    """All questions by area."""
    return HTMLResponse(render("index.html", links, **pages.index(shelf)))


@app.get("/answer/{dag_id}")
def answer(dag_id: str, shelf: ShelfDep, links: LinksDep, visitor: VisitorDep, runs: RunsDep) -> HTMLResponse:
    """An answer with its evidence."""
    declared = _declared(shelf, dag_id)
    with ledger.engine().connect() as connection:
        found = last_runs(connection, dag_id)
        judged = judgements.of_runs(connection, dag_id, [run.run_id for run in found])
    if progress.judge_latest(declared, found, judged, runs) != judged:
        shelf = _again(shelf)
    with ledger.engine().connect() as connection:
        shown = pages.answer(shelf, connection, dag_id)
    desk = {"may_run": visitor.may_run(dag_id), "under_way": runs.under_way(dag_id)}
    return HTMLResponse(render("answer.html", links, desk=desk, **shown))


@app.get("/answer/{dag_id}/run/{run_id}", dependencies=[Depends(guard.may_read_runs)])
def run(dag_id: str, run_id: str, shelf: ShelfDep, links: LinksDep, runs: RunsDep) -> HTMLResponse:
    """How a run stands, as a part of a page."""
    declared = _declared(shelf, dag_id)
    state = runs.look(dag_id, run_id)
    if state is None:
        raise HTTPException(404, "Airflow knows no such run.")
    return HTMLResponse(render("progress.html", links, **progress.stand(declared, state)))


@app.get("/question/{question_id}")
def question(question_id: str, shelf: ShelfDep, links: LinksDep) -> Response:
    """Lead to a question's answer, or say what it asks for."""
    if dag_ids := shelf.answered.get(question_id):
        return RedirectResponse(links.answer(dag_ids[0]))
    if question_id not in shelf.catalogue.questions:
        raise HTTPException(404, "The notes ask no such question.")
    return HTMLResponse(render("question.html", links, **pages.question(shelf, question_id)))


@app.get("/claims")
def claims(shelf: ShelfDep, links: LinksDep) -> HTMLResponse:
    """All claims with their verdicts."""
    return HTMLResponse(render("claims.html", links, **pages.claims(shelf)))


@app.get("/systems")
def systems(shelf: ShelfDep, links: LinksDep) -> HTMLResponse:
    """All systems with their questions and stand-ins."""
    return HTMLResponse(render("systems.html", links, **pages.systems(shelf)))


@app.get("/asset/{name}")
def asset(name: str) -> FileResponse:
    """The style sheet, the script or the icon; their address changes with their content."""
    if name not in assets.TYPES:
        raise HTTPException(404, "No such file.")
    kept = {"Cache-Control": "private, max-age=31536000, immutable"}
    return FileResponse(assets.FOLDER / name, media_type=assets.TYPES[name], headers=kept)


@app.middleware("http")
async def add_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Say on every answer what a browser may load and who may frame it."""
    response = await call_next(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@app.exception_handler(StarletteHTTPException)
async def refuse(request: Request, error: StarletteHTTPException) -> Response:
    """Lead a browser without a login to it; tell others in words."""
    if error.status_code == 401 and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(guard.login_address(str(request.url)), status_code=303)
    return _message(request, error.status_code, str(error.detail))


@app.exception_handler(RequestValidationError)
async def invalid(request: Request, _error: RequestValidationError) -> Response:
    """Tell that a request makes no sense, without repeating what it said."""
    return _message(request, 422, "This address makes no sense.")


@app.exception_handler(SQLAlchemyError)
@app.exception_handler(LedgerNotConfiguredError)
async def no_ledger(request: Request, _error: Exception) -> Response:
    """Tell that the ledger is out of reach, without its address."""
    return _message(request, 503, "The ledger does not answer. Is the platform up? `answers status` tells.")


def _message(request: Request, status: int, told: str) -> HTMLResponse:
    return HTMLResponse(render("message.html", links(request), status=status, told=told), status_code=status)


def _declared(shelf: Shelf, dag_id: str) -> Any:
    if dag_id not in shelf.answers:
        raise HTTPException(404, "There is no such answer.")
    return shelf.answers[dag_id]


def _again(shelf: Shelf) -> Shelf:
    with ledger.engine().connect() as connection:
        return shelf.judged_anew(connection)
