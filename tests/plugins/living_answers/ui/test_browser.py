"""The page in a real browser: search, filter, keyboard, widths, themes, a run from the click to the judgement."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request, expect
from sqlalchemy import insert

from living_answers.ledger.tables import plans

PAGES = ["/", "/answer/load", "/claims", "/systems", "/question/py-memory-allocation"]


@pytest.fixture
def load(answers: Any) -> Any:
    answers.write("load", questions=("etl-idempotent-pipelines",), claims=answers.claim("wrong"))
    answers.write("other", questions=("dq-anomaly-alerts",), area="quality")
    for run_id, way in (("broken", "twice"), ("as it is", None)):
        answers.prove("load", run_id, way)
        answers.judge("load", run_id, way)
    keep_plans(answers)
    return answers


def keep_plans(answers: Any) -> None:
    """Two plans of the last run: a deep one with long names, and one whose estimate is far off."""
    step = {"Actual Loops": 3, "Actual Total Time": 4.5, "Actual Rows": 5000, "Plan Rows": 10, "Shared Hit Blocks": 99}
    deep: dict[str, Any] = {"Node Type": "Seq Scan", "Relation Name": "a_table_with_a_long_name" * 2, **step}
    deep["Filter"] = "((l_shipdate)::text ~~ '1995-03%'::text)" * 2
    for _ in range(14):
        deep = {"Node Type": "Nested Loop", "Join Type": "Left", **step, "Plans": [deep]}
    row = {"dag_id": "load", "run_id": "as it is", "task_id": "write_once", "sql": "select 1"}
    with answers.engine.begin() as connection:
        for title, plan in (("a deep plan", deep), ("a flat plan", {"Node Type": "Result", **step})):
            connection.execute(insert(plans).values({**row, "title": title, "plan": plan}))


@pytest.fixture
def tab(chromium: Browser, airflow: str, load: Any) -> Iterator[Page]:
    """A tab that fails the test upon an error of a script, a breach of the policy, or a request to another host."""
    context = chromium.new_context(base_url=airflow, viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    wrong: list[str] = []

    def watch(request: Request) -> None:
        if not request.url.startswith((airflow, "data:")):
            wrong.append(request.url)

    tab.on("request", watch)
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    yield tab
    context.close()
    assert wrong == []


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_page_is_wider_than_its_window(tab: Page, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    for address in PAGES:
        tab.goto(f"/answers{address}")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, address


def test_search_narrows_as_one_types_without_asking_the_server(tab: Page) -> None:
    tab.goto("/answers/")
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.keyboard.press("/")
    tab.keyboard.type("idempotent rerun")
    expect(tab.locator("li.row:visible")).to_have_count(1)
    expect(tab.locator("[data-found]")).to_have_text("1 question")
    tab.keyboard.press("Escape")
    expect(tab.locator("li.row:visible")).to_have_count(280)
    tab.keyboard.type("no question has this in it")
    expect(tab.get_by_text("No question matches.")).to_be_visible()
    tab.get_by_role("button", name="Show all").click()
    expect(tab.locator("li.row:visible")).to_have_count(280)
    assert [address for address in asked if "icon.svg" not in address] == []  # the browser's own look at the icon


def test_the_status_filter_is_kept_in_the_address(tab: Page) -> None:
    tab.goto("/answers/")
    tab.get_by_role("radio", name="proven").check(force=True)
    expect(tab.locator("li.row:visible")).to_have_count(1)
    expect(tab.locator("section.area:visible")).to_have_count(1)
    tab.wait_for_url("**/?status=proven")
    tab.locator("li.row:visible a").click()
    tab.wait_for_url("**/answer/load")
    tab.go_back()
    expect(tab.locator("li.row:visible")).to_have_count(1)


def test_everything_is_reached_by_keyboard(tab: Page) -> None:
    tab.goto("/answers/")
    tab.keyboard.press("Tab")
    expect(tab.get_by_text("Skip to the content")).to_be_focused()
    tab.keyboard.press("Enter")
    expect(tab.locator("#main")).to_be_focused()
    tab.keyboard.press("/")
    tab.keyboard.type("idempotent rerun")
    tab.keyboard.press("ArrowDown")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/answer/load")
    tab.get_by_role("tab", name="As it is").focus()
    tab.keyboard.press("ArrowRight")
    expect(tab.get_by_role("tab", name="twice")).to_be_focused()
    expect(tab.get_by_role("tabpanel", name="twice")).to_be_visible()
    expect(tab.get_by_text("It failed where it should")).to_be_visible()


def test_what_has_the_focus_can_be_seen(tab: Page) -> None:
    tab.goto("/answers/answer/load")
    for _ in range(12):
        tab.keyboard.press("Tab")
        style = "(e => [getComputedStyle(e).outlineStyle, getComputedStyle(e).outlineWidth])(document.activeElement)"
        assert tab.evaluate(style)[0] != "none", tab.evaluate("document.activeElement.outerHTML")


def test_light_and_dark_follow_the_system_until_somebody_chooses(chromium: Browser, airflow: str, load: Any) -> None:
    context = chromium.new_context(base_url=airflow, color_scheme="dark")
    tab = context.new_page()
    tab.goto("/answers/")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(ground)
    tab.get_by_role("button", name="Switch between light and dark").click()
    light = tab.evaluate(ground)
    assert light != dark
    tab.reload()
    assert tab.evaluate(ground) == light
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(chromium: Browser, airflow: str, load: Any, scheme: Any) -> None:
    """Contrast of at least 4.5 to 1, as WCAG AA asks of text."""
    context = chromium.new_context(base_url=airflow, color_scheme=scheme)
    tab = context.new_page()
    for address in PAGES:
        tab.goto(f"/answers{address}")
        assert tab.evaluate(CONTRAST) == [], address
    context.close()


def test_proving_it_shows_the_run_and_the_judgement(tab: Page, load: Any) -> None:
    tab.goto("/answers/answer/load")
    tab.get_by_role("button", name="Prove it").click()
    stage = tab.locator("[data-stage]")
    expect(stage.get_by_text("It did what it promises")).to_be_visible()
    expect(stage.get_by_text("write_once")).to_be_visible()
    expect(tab.locator("[data-live]")).to_contain_text("It did what it promises")
    expect(tab.get_by_role("button", name="Prove it")).to_be_enabled()


def test_breaking_it_is_a_success_of_its_own_colour(tab: Page, load: Any) -> None:
    tab.goto("/answers/answer/load")
    tab.locator("summary", has_text="Break it").click()
    tab.get_by_role("button", name="twice it writes again").click()
    banner = tab.locator("[data-stage] .verdict")
    expect(banner).to_contain_text("It failed where it should")
    expect(banner).to_have_class("verdict broken")
    # The evidence below is that of this run now, and its tab is chosen.
    expect(tab.get_by_role("tab", name="twice")).to_have_attribute("aria-selected", "true")
    expect(tab.locator(".meta")).to_contain_text("broken on purpose")


@pytest.mark.parametrize("width", [320, 1280])
def test_plans_are_read_as_nested_lists_and_nothing_is_cut_off(tab: Page, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 800})
    tab.goto("/answers/answer/load")
    plan = tab.get_by_role("figure", name="a deep plan")
    expect(plan.get_by_role("listitem")).to_have_count(15)
    expect(plan.get_by_text("500 times more than expected").first).to_be_visible()
    cut = (
        "e => [...e.querySelectorAll('.step *')].filter(x => x.scrollWidth > x.clientWidth + 1 && x.clientWidth).length"
    )
    assert plan.evaluate(cut) == 0
    expect(plan.locator("pre").last).to_be_hidden()
    plan.locator("summary").click()
    expect(plan.locator("pre").last).to_contain_text("Nested Loop Left Join: 15,000 rows (expected 30")


def test_the_menu_closes_by_escape_and_gives_the_focus_back(tab: Page) -> None:
    tab.goto("/answers/answer/load")
    summary = tab.locator("summary", has_text="Break it")
    summary.focus()
    tab.keyboard.press("Enter")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Escape")
    expect(tab.locator(".choices")).to_be_hidden()
    expect(summary).to_be_focused()


def test_a_refusal_is_said_in_words(chromium: Browser, airflow: str, load: Any) -> None:
    context = chromium.new_context(base_url=airflow)
    tab = context.new_page()
    tab.route("**/dagRuns", lambda route: route.fulfill(status=403, json={"detail": "Forbidden"}))
    tab.goto("/answers/answer/load")
    tab.get_by_role("button", name="Prove it").click()
    expect(tab.locator("[data-stage]")).to_have_text("You may not run this DAG.")
    expect(tab.get_by_role("button", name="Prove it")).to_be_enabled()
    context.close()


#: Lists the texts whose colour is too near to that of the ground behind them; what is switched off may be pale.
CONTRAST = """() => {
  const parts = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((c) => (c /= 255) <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const ground = (e) => { for (; e; e = e.parentElement) {
    const c = parts(getComputedStyle(e).backgroundColor);
    if (c.length === 3 || c[3] > .99) return c;
  } return [255, 255, 255]; };
  const bad = new Set();
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.checkVisibility() || e.closest(":disabled, .visually-hidden, .skip")) continue;
    const [a, b] = [light(parts(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    if (ratio < 4.5) bad.add(`${e.tagName}.${e.className} ${e.textContent.trim().slice(0, 30)} ${ratio.toFixed(2)}`);
  }
  return [...bad];
}"""
