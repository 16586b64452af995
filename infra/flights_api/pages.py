"""One page as it is answered: faults chosen, records rendered, ETag and Link set."""

import hashlib
import json
from random import Random
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from flights_api.cursors import CursorSigner
from flights_api.faults import Faults, Kind
from flights_api.listings import Record, Window
from flights_api.rows import faulty_records
from flights_api.security import RateLimit
from flights_api.transport import WRONG_PAGE, before_answer, broken, other_page, possible_kinds


async def answer_page(
    request: Request, window: Window, faults: Faults, signer: CursorSigner, rate_limit: RateLimit
) -> Response:
    """Answer a page, with the faults that strike it. Raises the problem of a fault that is a status."""
    scope, page = window.listing.scope, window.number
    pages = window.listing.pages(window.limit)
    rule = faults.transport(scope, page, possible_kinds(page, pages))
    if rule:
        await before_answer(rule, rate_limit)
    served = window
    if rule and rule.kind in WRONG_PAGE:
        served = window.shifted(other_page(rule, faults.plan, scope, page, pages) - page) or window
    records = faulty_records(faults, served) if window.listing.version is None else served.records()
    if rule and rule.kind is Kind.UNORDERED:
        Random(f"{faults.plan.seed}|shuffle|{scope}|{page}").shuffle(records)
    headers, version = _headers(request, window, signer), window.listing.version
    identity = f"{version}|{page}|{window.limit}".encode() if version else None
    answer = conditional(request, _body(served, records), headers, identity)
    return broken(rule, answer) if rule else answer


def conditional(request: Request, body: bytes, headers: dict[str, str], identity: bytes | None = None) -> Response:
    """The body with its ETag (of `identity` if given), or 304 when the client has it already."""
    tag = f'"{hashlib.blake2b(identity or body, digest_size=12).hexdigest()}"'
    headers = headers | {"ETag": tag, "Cache-Control": "private, no-cache"}
    known = {part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _body(window: Window, records: list[Record]) -> bytes:
    place = {
        "page": window.number,
        "pages": window.listing.pages(window.limit),
        "total": len(window.listing.order),
    }
    return json.dumps({"data": records} | place, separators=(",", ":")).encode()


def _headers(request: Request, window: Window, signer: CursorSigner) -> dict[str, str]:
    """The way to the next page stands in a header, so that a broken body does not lose it."""
    following = window.next_cursor
    if following is None:
        return {}
    kept = {name: value for name, value in request.query_params.items() if name in ("date", "updated_since")}
    query = urlencode(kept | {"limit": following.limit, "cursor": signer.write(following)})
    return {"Link": f'<{request.url.path}?{query}>; rel="next"'}
