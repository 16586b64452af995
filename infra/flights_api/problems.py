"""Errors as the API answers them: RFC 9457, problem+json, naming the input and the remedy."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

TITLES = {
    401: "No valid token",
    403: "Not allowed",
    404: "No such resource",
    405: "Method not allowed",
    422: "Input refused",
    429: "Too many requests",
    500: "Server error",
    503: "Service unavailable",
}


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> HTTPException:
    """The exception to raise for an error; `detail` says what was wrong with which input, and what to do."""
    return HTTPException(status, detail, headers)


def problem_response(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """The answer that such an exception becomes."""
    body = {"type": "about:blank", "title": TITLES.get(status, "Error"), "status": status, "detail": detail}
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def install(app: FastAPI) -> None:
    """Answer each error of the framework, and each of ours, in the same form."""

    app.add_exception_handler(HTTPException, _of_http)
    app.add_exception_handler(RequestValidationError, _of_validation)


async def _of_http(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    return problem_response(error.status_code, error.detail, dict(error.headers or {}))


async def _of_validation(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    found = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
    return problem_response(422, f"{found}. Correct what is named and ask again.")
