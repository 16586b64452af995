// All that moves on the page. Plain browser script: nothing to build, nothing to fetch from elsewhere.
"use strict";

const root = document.documentElement;
const framed = (() => {
  // Inside Airflow's own frame, which has the same origin, its document can be reached; in a stranger's it cannot.
  try { return window.parent !== window && Boolean(window.parent.document); } catch { return false; }
})();
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const one = (selector, within = document) => within.querySelector(selector);

// --- light and dark: what was chosen here, else what Airflow shows, else what the system prefers ---

const THEME = "living-answers-theme";
const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const applyTheme = () => {
  const airflow = framed && (window.parent.document.documentElement.classList.contains("dark") ? "dark" : "light");
  root.dataset.theme = remembered(THEME) || airflow || (prefersDark.matches ? "dark" : "light");
};
root.classList.add("scripted");
applyTheme();
prefersDark.addEventListener("change", applyTheme);
if (framed) new MutationObserver(applyTheme).observe(window.parent.document.documentElement, { attributeFilter: ["class"] });

const startTheme = () => one("[data-theme-toggle]").addEventListener("click", () => {
  const next = root.dataset.theme === "dark" ? "light" : "dark";
  try { localStorage.setItem(THEME, next); } catch { /* Private windows may refuse: it then lasts for this page. */ }
  root.dataset.theme = next;
});

// --- search and filter: all rows are here, so nothing is asked of the server ---

const startFilter = () => {
  const tools = one("[data-filter]");
  if (!tools) return;
  const input = one("input[type=search]", tools);
  const found = one("[data-found]", tools);
  const rows = all(tools.dataset.filter).map((row) => ({
    row, text: `${row.textContent} ${row.dataset.words}`.toLowerCase(), status: row.dataset.status,
  }));
  const groups = all("section.area");
  let later;
  // So that a page that one comes back to looks as one left it.
  const keep = (status) => {
    const kept = new URLSearchParams();
    if (input.value) kept.set("q", input.value);
    if (status) kept.set("status", status);
    try {
      history.replaceState(null, "", (kept.size ? `?${kept}` : location.pathname) + location.hash);
    } catch { /* A file opened from a disk has no history to keep it in. */ }
  };
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = one("input[name=status]:checked", tools).value;
    let count = 0;
    for (const { row, text, status: has } of rows) {
      const fits = (!status || has === status) && words.every((word) => text.includes(word));
      row.hidden = !fits;
      count += fits;
    }
    for (const group of groups) {
      group.hidden = !one("li.row:not([hidden])", group);
      one(`.areas a[href="#${group.id}"]`).parentElement.hidden = group.hidden;
    }
    one("[data-nothing]").hidden = count > 0;
    found.textContent = `${count} ${count === 1 ? found.dataset.one : found.dataset.many}`;
    found.classList.toggle("some", count < rows.length);
    clearTimeout(later);
    later = setTimeout(keep, 300, status);
  };
  const asked = new URLSearchParams(location.search);
  input.value = asked.get("q") || "";
  const wanted = all("input[name=status]", tools).find((radio) => radio.value === asked.get("status"));
  if (wanted) wanted.checked = true;
  tools.addEventListener("input", () => {
    apply();
    // Whoever searches from far below wants to see the first hit.
    const hidden = tools.nextElementSibling.getBoundingClientRect().top - tools.getBoundingClientRect().bottom;
    if (hidden < 0) scrollBy(0, hidden);
  });
  one("[data-clear]").addEventListener("click", () => {
    input.value = "";
    one("input[name=status]", tools).checked = true;
    apply();
    input.focus();
  });
  document.addEventListener("keydown", (event) => {
    const writing = event.target.matches("input[type=search], textarea, select");
    if (event.key === "/" && !writing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
      input.select();
    } else if (event.key === "Escape" && event.target === input) {
      input.value = "";
      apply();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const links = rows.filter(({ row }) => !row.hidden).flatMap(({ row }) => all("a", row));
      const at = links.indexOf(document.activeElement);
      if (event.target !== input && at < 0) return;
      event.preventDefault();
      const next = at + (event.key === "ArrowDown" ? 1 : -1);
      (next < 0 ? input : links[Math.min(next, links.length - 1)])?.focus();
    }
  });
  if (input.value || wanted) apply();
};

// --- the tabs of the evidence ---

const selectTab = (tab, focus = false) => {
  for (const each of all("[role=tab]", tab.parentElement)) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  if (focus) tab.focus();
};
const startTabs = (way = "") => {
  const tabs = all("#evidence [role=tab]");
  if (!tabs.length) return;
  selectTab(tabs.find((tab) => tab.dataset.way === way) || tabs[0]);
  tabs.forEach((tab, at) => {
    tab.addEventListener("click", () => selectTab(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const to = step ? (at + step + tabs.length) % tabs.length : { Home: 0, End: tabs.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      selectTab(tabs[to], true);
    });
  });
};

// --- moments as a person says them ---

const startTimes = (within = document) => {
  const steps = [["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity]];
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  for (const time of all("time", within)) {
    let value = (new Date(time.dateTime) - Date.now()) / 1000;
    const [unit] = steps.find(([, most]) => Math.abs(value) < most || ((value /= most), false));
    time.title = time.textContent;
    time.textContent = words.format(Math.round(value), unit);
  }
};

// --- links out of Airflow's frame: its sandbox lets none through, but its own document may follow them ---

const startLinksOut = () => {
  if (!framed) return;
  const alone = one("[data-alone]");
  alone.hidden = false;
  alone.href = location.href;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (!link || event.defaultPrevented) return;
    const foreign = link.origin !== location.origin || link.target === "_blank";
    if (!foreign && !("out" in link.dataset)) return;
    event.preventDefault();
    const twin = window.parent.document.createElement("a");
    twin.href = link.href;
    if (foreign) Object.assign(twin, { target: "_blank", rel: "noopener noreferrer" });
    twin.click();
  });
};

const startCopy = () => all("[data-copy]").forEach((button) => button.addEventListener("click", async () => {
  const text = document.getElementById(button.dataset.copy).textContent;
  const said = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    const range = document.createRange();
    range.selectNodeContents(document.getElementById(button.dataset.copy));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = "Selected";
  }
  announce(button.textContent);
  setTimeout(() => { button.textContent = said; }, 1600);
}));

// --- prove it, break it: Airflow's own API starts the run and asks for the permission; we look on ---

const announce = (told) => { one("[data-live]").textContent = told; };
const pause = (milliseconds) => new Promise((done) => { setTimeout(done, milliseconds); });
const PATIENCE = 180000; // milliseconds: Airflow's server takes half a minute to start anew
const SILENCE = "Airflow does not answer just now. Asking again.";
const REFUSED = {
  401: "Your login has ended. Load the page anew to log in.",
  403: "You may not run this DAG.",
  404: "Airflow does not know this DAG yet. It reads new files every few seconds.",
};

class Desk {
  constructor(desk) {
    this.desk = desk;
    this.stage = one("[data-stage]", desk);
    this.menu = one("[data-menu]", desk);
    for (const button of all("[data-run-way]", desk)) button.addEventListener("click", () => this.run(button.dataset.runWay));
    this.menu?.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.menu.open) { this.menu.open = false; one("summary", this.menu).focus(); }
    });
    document.addEventListener("click", (event) => {
      if (this.menu?.open && !this.menu.contains(event.target)) this.menu.open = false;
    });
    if (desk.dataset.run) this.follow(desk.dataset.run);
  }

  async run(way) {
    if (this.menu) this.menu.open = false;
    this.busy(true);
    this.say(way ? `Breaking it by ${way} …` : "Proving it …");
    let response;
    try {
      response = await fetch(this.desk.dataset.trigger, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ logical_date: null, conf: way ? { break_it: way } : {} }),
      });
    } catch {
      return this.refuse("Airflow does not answer.");
    }
    if (!response.ok) return this.refuse(REFUSED[response.status] || `Airflow refuses the run (${response.status}).`);
    return this.follow((await response.json()).dag_run_id);
  }

  async follow(run) {
    this.busy(true);
    const address = this.desk.dataset.progress.replace(/RUN$/, encodeURIComponent(run));
    let told = "", heard = Date.now();
    const began = heard;
    for (;;) {
      let html = null;
      try {
        const response = await fetch(address);
        if (response.ok) html = await response.text();
        else if (response.status === 401 || response.status === 403) return this.refuse(REFUSED[response.status]);
      } catch { /* The server may be starting anew; ask again. */ }
      const silent = html === null ? Date.now() - heard : 0;
      if (silent > PATIENCE) return this.refuse("Airflow does not answer any more. The run goes on without us.");
      if (silent > 5000 && told !== SILENCE) announce((told = SILENCE));
      if (html !== null) {
        heard = Date.now();
        const shown = this.show(html);
        if (shown.dataset.told !== told) announce((told = shown.dataset.told));
        if (shown.dataset.done === "true") return this.finish(shown);
      }
      await pause(Date.now() - began < 30000 ? 600 : 1500);
    }
  }

  show(html) {
    const known = new Set(all("[data-key]", this.stage).map((each) => each.dataset.key));
    // Our own server has escaped all that it shows; the policy of the page lets no script in besides.
    const page = new DOMParser().parseFromString(html, "text/html");
    this.stage.hidden = false;
    this.stage.replaceChildren(one(".progress", page));
    for (const each of all("[data-key]", this.stage)) each.classList.toggle("new", !known.has(each.dataset.key));
    return one(".progress", this.stage);
  }

  async finish(shown) {
    announce(shown.dataset.verdict);
    const way = shown.dataset.way;
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      for (const part of ["#evidence", ".meta", "#claims"]) {
        const fresh = one(part, page);
        if (fresh && one(part)) { one(part).replaceWith(fresh); startTimes(one(part)); }
      }
      startTabs(way);
    } catch { /* The judgement is on the stage already; the rest comes with the next load. */ }
    this.busy(false);
  }

  say(told) {
    this.stage.hidden = false;
    this.stage.textContent = told;
    announce(told);
  }

  refuse(told) {
    this.say(told);
    this.busy(false);
  }

  busy(is) {
    for (const button of all("[data-run-way]", this.desk)) button.disabled = is;
    this.menu?.setAttribute("aria-disabled", String(is));
    this.desk.setAttribute("aria-busy", String(is));
  }
}

document.addEventListener("DOMContentLoaded", () => {
  startTheme();
  startFilter();
  startTabs();
  startTimes();
  startLinksOut();
  startCopy();
  const desk = one("[data-trigger]");
  if (desk) new Desk(desk);
});
