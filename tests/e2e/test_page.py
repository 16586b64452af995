"""The page inside Airflow: its login, its permissions, its frame, and a run from the click to the judgement."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from support.browser import chromium
from support.pipeline import wait_until

from embedded.platform import Platform
from living_answers.airflow_api import AirflowApi

__all__ = ["chromium"]  # a fixture, for the tests here

ANSWER = "idempotent_load"
RUN_MILLISECONDS = 180_000
ADDRESSES = ["/", "/claims", "/systems", f"/answer/{ANSWER}", f"/answer/{ANSWER}/run/x", "/question/x", "/asset/x"]


@pytest.fixture(scope="module")
def passwords(platform: Platform) -> dict[str, str]:
    return {"admin": platform.credentials.airflow_admin, "viewer": platform.credentials.airflow_viewer}


@pytest.fixture(scope="module", autouse=True)
def parsed(api: AirflowApi) -> None:
    wait_until(lambda: ANSWER in {dag["dag_id"] for dag in api.dags()}, 180, "the answer is not parsed")


@pytest.fixture
def enter(
    chromium: Browser, variables: dict[str, str], passwords: dict[str, str]
) -> Iterator[Callable[[str], BrowserContext]]:
    """Open a browser in which somebody is logged in, as Airflow's own login leaves it: with a cookie."""
    opened: list[BrowserContext] = []

    def log_in(user: str) -> BrowserContext:
        url = variables["AIRFLOW_URL"]
        token = httpx.post(f"{url}/auth/token", json={"username": user, "password": passwords[user]}).json()
        context = chromium.new_context(base_url=url, viewport={"width": 1280, "height": 900})
        context.add_cookies([{"name": "_token", "value": token["access_token"], "url": url, "sameSite": "Lax"}])
        opened.append(context)
        return context

    yield log_in
    for context in opened:
        context.close()


@pytest.fixture
def tab(enter: Callable[[str], BrowserContext]) -> Page:
    return enter("admin").new_page()


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_is_shown_without_a_login(variables: dict[str, str], address: str) -> None:
    url = f"{variables['AIRFLOW_URL']}/answers{address}"
    assert httpx.get(url).status_code == 401
    assert httpx.get(url, cookies={"_token": "made-up"}).status_code in {401, 403}
    assert httpx.get(url, headers={"Authorization": "Bearer made-up"}).status_code in {401, 403}
    browser = httpx.get(url, headers={"Accept": "text/html"})
    assert browser.status_code == 303
    assert "/auth/login?next=" in browser.headers["location"]


def test_the_login_leads_back(chromium: Browser, variables: dict[str, str], passwords: dict[str, str]) -> None:
    context = chromium.new_context(base_url=variables["AIRFLOW_URL"])
    tab = context.new_page()
    tab.goto(f"/answers/answer/{ANSWER}")
    tab.fill("input[name=username]", "admin")
    tab.fill("input[name=password]", passwords["admin"])
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**/answers/answer/{ANSWER}")
    expect(tab.get_by_role("button", name="Prove it")).to_be_enabled()
    context.close()


def test_proving_it_runs_live_to_the_judgement(tab: Page) -> None:
    tab.goto(f"/answers/answer/{ANSWER}")
    tab.get_by_role("button", name="Prove it").click()
    stage = tab.locator("[data-stage]")
    expect(stage.locator(".task", has_text="make_source")).to_be_visible(timeout=30_000)
    expect(stage.get_by_text("It did what it promises")).to_be_visible(timeout=RUN_MILLISECONDS)
    expect(stage.locator(".so-far li")).to_have_count(5)
    expect(tab.locator(".meta .badge")).not_to_contain_text("never run")


def test_breaking_it_fails_where_it_should(tab: Page) -> None:
    tab.goto(f"/answers/answer/{ANSWER}")
    tab.locator("summary", has_text="Break it").click()
    tab.locator("[data-run-way=append]").click()
    banner = tab.locator("[data-stage] .verdict")
    expect(banner).to_contain_text("It failed where it should", timeout=RUN_MILLISECONDS)
    expect(banner).to_have_class("verdict broken")
    expect(tab.get_by_role("tab", name="append")).to_have_attribute("aria-selected", "true")


def test_a_run_started_in_airflow_is_judged_when_the_page_sees_it(tab: Page, api: AirflowApi) -> None:
    run_id = api.trigger(ANSWER, conf={"break_it": "two_transactions"})
    assert api.wait(ANSWER, run_id, 180) == "failed"
    tab.goto(f"/answers/answer/{ANSWER}")
    tab.get_by_role("tab", name="two_transactions").click()
    expect(tab.get_by_role("tabpanel", name="two_transactions")).to_contain_text("It failed where it should")


def test_it_stands_in_airflows_navigation_and_its_links_lead_out_of_the_frame(tab: Page) -> None:
    tab.goto("/")
    tab.locator("a[href*='plugin/living-answers']").first.click()
    frame: Any = tab.frame_locator("iframe")
    expect(frame.get_by_role("heading", name="Every answer is a run")).to_be_visible(timeout=30_000)
    expect(frame.get_by_text("Open alone")).to_be_visible()
    frame.locator("#q").fill("idempotent")
    frame.locator(f"a[href$='/answer/{ANSWER}']").first.click()
    frame.get_by_text("Graph in Airflow").click()
    tab.wait_for_url(f"**/dags/{ANSWER}", timeout=30_000)


def test_a_viewer_may_look_and_not_run(enter: Callable[[str], BrowserContext]) -> None:
    context = enter("viewer")
    tab = context.new_page()
    tab.goto(f"/answers/answer/{ANSWER}")
    expect(tab.get_by_role("heading", level=1)).to_be_visible()
    expect(tab.get_by_role("button", name="Prove it")).to_be_disabled()
    body = {"logical_date": None, "conf": {}}
    assert context.request.post(f"/api/v2/dags/{ANSWER}/dagRuns", data=body).status == 403


def test_a_strangers_form_starts_nothing(enter: Callable[[str], BrowserContext]) -> None:
    """A form of another site can send text, not JSON; and the page itself has no route that writes."""
    request = enter("admin").request
    body = '{"logical_date": null, "conf": {}}'
    sent = request.post(f"/api/v2/dags/{ANSWER}/dagRuns", data=body, headers={"Content-Type": "text/plain"})
    assert sent.status == 422
    assert request.post(f"/answers/answer/{ANSWER}", data={}).status == 405
