"""Serves Great Expectations' Data Docs under Airflow's own login.

Airflow does not guard a plugin's routes: each of ours asks for the user itself. A mounted StaticFiles would be open to
all.
"""

from __future__ import annotations

import os
from pathlib import Path

from airflow.api_fastapi.core_api.security import get_user
from fastapi import Depends, FastAPI, HTTPException
from fastapi.responses import FileResponse, RedirectResponse

FOLDER_VARIABLE = "LIVING_ANSWERS_DATA_DOCS"

# No interactive documentation: FastAPI would serve it without asking for the user.
app = FastAPI(title="Data Docs", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(get_user)])


@app.get("/")
def index() -> RedirectResponse:
    """Lead to the list of all validations."""
    return RedirectResponse("index.html")


@app.get("/{path:path}")
def page(path: str) -> FileResponse:
    """Return a file of the Data Docs.

    Raises:
        HTTPException: 404 where there is none, or where the path leads out of the folder.
    """
    folder = Path(os.environ.get(FOLDER_VARIABLE, "data-docs")).resolve()
    file = (folder / path).resolve()
    if not file.is_relative_to(folder) or not file.is_file():
        raise HTTPException(404, "No such page: Data Docs appear when flights_validate has run.")
    return FileResponse(file)
