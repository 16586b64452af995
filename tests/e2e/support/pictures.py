"""Takes the pictures of the page for the README, from the running platform.

eval "$(answers env)" && python tests/e2e/support/pictures.py [ANSWER]
"""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).resolve().parents[3] / "docs/pictures"
WIDTH = 1280


def main(answer: str) -> None:
    """Write answers-index.png, inside Airflow's frame, and answer-page.png, alone."""
    url = os.environ["AIRFLOW_URL"]
    login = {"username": os.environ["AIRFLOW_USER"], "password": os.environ["AIRFLOW_PASSWORD"]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(base_url=url, viewport={"width": WIDTH, "height": 860})
        context.set_default_timeout(120_000)
        token = context.request.post("/auth/token", data=login).json()["access_token"]
        context.add_cookies([{"name": "_token", "value": token, "url": url, "sameSite": "Lax"}])
        tab = context.new_page()
        tab.goto("/plugin/living-answers")
        frame = tab.frame_locator("iframe")
        frame.locator("#etl li.row").first.wait_for()
        # The figures on top, and an area that is answered.
        frame.locator("input[value=proven]").check(force=True)
        tab.screenshot(path=PICTURES / "answers-index.png")
        tab.set_viewport_size({"width": WIDTH, "height": 1120})
        tab.goto(f"/answers/answer/{answer}")
        tab.screenshot(path=PICTURES / "answer-page.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "idempotent_load")
