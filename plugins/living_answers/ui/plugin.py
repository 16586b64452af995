"""The plugin that Airflow finds by its entry point ``airflow.plugins``."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from living_answers.ui.app import PREFIX
from living_answers.ui.app import app as answers
from living_answers.ui.data_docs import app as data_docs


class LivingAnswersPlugin(AirflowPlugin):
    """Adds Living Answers and the Data Docs to the navigation."""

    name = "living_answers"
    fastapi_apps: ClassVar[list[Any]] = [
        {"app": answers, "url_prefix": PREFIX, "name": "living-answers"},
        {"app": data_docs, "url_prefix": "/data-docs", "name": "data-docs"},
    ]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Living Answers",
            "href": f"{PREFIX}/",
            "destination": "nav",
            "nav_top_level": True,
            "icon": f"{PREFIX}/asset/icon.svg",
            "url_route": "living-answers",
        },
        {
            "name": "Data Docs",
            "href": "/data-docs/",
            "destination": "nav",
            "category": "browse",
            "url_route": "data-docs",
        },
    ]
