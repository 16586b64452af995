"""The addresses under /v1 that clients read."""

import json
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from flights_api.listings import Listing, window
from flights_api.pages import answer_page, conditional
from flights_api.problems import problem
from flights_api.service import Service, reader, service_of

DEFAULT_LIMIT = 200

router = APIRouter(prefix="/v1", dependencies=[Depends(reader)])
Asked = Annotated[Service, Depends(service_of)]
Limit = Annotated[int | None, Query(description="rows a page; with a cursor, the cursor's own")]


@router.get("/flights")
async def flights(
    request: Request,
    service: Asked,
    date: str | None = None,
    updated_since: datetime | None = None,
    limit: Limit = None,
    cursor: str | None = None,
) -> Response:
    """A page of a date's flights, or of those published at a moment or later."""
    if (date is None) == (updated_since is None):
        raise problem(422, "date, updated_since: give one of the two, such as date=2013-01-01.")
    if updated_since is None:
        return await _page(request, service, service.day(date or ""), limit, cursor)
    if updated_since.tzinfo is None:
        raise problem(422, "updated_since: has no time zone; write 2013-01-02T06:00:00Z (and + as %2B).")
    return await _page(request, service, service.versions.since(updated_since), limit, cursor)


@router.get("/flights/count")
async def count(request: Request, service: Asked, date: str | None = None, month: str | None = None) -> Response:
    """How many flights the source has for a date, or for each day of a month. No fault of the transport strikes it."""
    if (date is None) == (month is None):
        raise problem(422, "date, month: give one of the two, such as date=2013-01-01 or month=2013-01.")
    if date is not None:
        return _json(request, {"date": date, "total": len(service.day(date).order)})
    days = [
        day
        for day in service.versions.flights.days
        if day.startswith(f"{month}-") and len(month or "") == len("2013-01")
    ]
    if not days:
        raise problem(422, f"month: {month!r} has no data; ask for a month from 2013-01 to 2013-12 (YYYY-MM).")
    return _json(request, [{"date": day, "total": len(service.day(day).order)} for day in days])


@router.get("/{name}")
async def reference(
    request: Request,
    service: Asked,
    name: str,
    limit: Limit = None,
    cursor: str | None = None,
) -> Response:
    """A page of a reference list: carriers, airports or planes."""
    if name not in service.reference:
        raise problem(404, f"/v1/{name}: there are flights, {', '.join(service.reference)}.")
    return await _page(request, service, service.reference_list(name), limit, cursor)


async def _page(
    request: Request, service: Service, listing: Listing, limit: int | None, cursor: str | None
) -> Response:
    place = service.signer.read(cursor, listing.scope) if cursor else None
    asked = window(listing, limit, place, DEFAULT_LIMIT, service.settings.page_limit)
    return await answer_page(request, asked, service.faults, service.signer, service.rate_limit)


def _json(request: Request, body: object) -> Response:
    return conditional(request, json.dumps(body, separators=(",", ":")).encode(), {})
