"""The application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from fastapi.responses import JSONResponse

from flights_api import admin, problems, routes
from flights_api.service import Service
from flights_api.settings import Settings
from flights_api.weather import WeatherFeed


def create_app(settings: Settings) -> FastAPI:
    """The API over the data files; with an S3 endpoint in the settings it publishes the weather files first."""
    feed = WeatherFeed(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publishing = asyncio.create_task(feed.publish())
        yield
        publishing.cancel()
        with suppress(asyncio.CancelledError):
            await publishing

    app = FastAPI(title="Flights of 2013", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.service = Service.load(settings)
    problems.install(app)
    app.include_router(routes.router)
    app.include_router(admin.router)

    @app.get("/healthz")
    async def healthz() -> JSONResponse:
        """200 once everything is there that the API has to offer, the weather files included."""
        return JSONResponse(
            {"status": "ok" if feed.ready else "not ready", "weather": feed.state}, 200 if feed.ready else 503
        )

    return app
