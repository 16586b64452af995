"""# How do you monitor data pipelines and have the alert reach the right person once?

**Say it.** Metrics say how much and how fast, logs say why, a dashboard shows both, and a rule over the metrics raises the alert. A
router groups what belongs together, sends it by severity to the pager, the chat or by mail, and says when it is over. Alert on
what users feel: failed, late, slow. And unit-test the rules.

**How it works.** Prometheus evaluates the rules and sends every firing alert to Alertmanager, again and again. Alertmanager
decides what a human sees: `group_by` makes one message of many alerts, `group_wait` lets the others arrive, a deduplication
key lets the pager open one incident, `send_resolved` closes it, and the routing tree picks the receiver by labels.
`keep_firing_for` bridges a scrape that failed, which would otherwise look like the end of the alert, and page twice. So the
rule says *what* is wrong and how urgent, and the route says *who* is told.

The parts and their tools: metrics by Prometheus (CloudWatch, Azure Monitor or Google Cloud Monitoring in a cloud), logs by
Elasticsearch and Kibana or the cloud's own, display by Grafana, orchestration state by Airflow, routing by Alertmanager, people
by PagerDuty, Slack or mail. "Stackdriver" in the notes is a name of the past: Google dropped it in 2020, and it lives on in
addresses and identifiers only.

**This run proves**
- *the rules pass their unit tests*, the platform's own rules too, and *a wrong threshold fails its unit test*, both by promtool;
- *a healthy pipeline alerts nobody*;
- *each alert reaches its receiver*: two failed tasks, a late data set and a slow task; pager, chat, mail;
- *each alert arrives exactly once, grouped*: the two failures are one page;
- *the alert mends nothing*: the figures stay bad until somebody acts; *each alert is resolved where it fired*;
- *each channel gets its own format*: PagerDuty's Events API v2, Slack's webhook, an RFC 5322 mail; *the old name lives on as an
  identifier*: in Airflow's own settings.

**Break it.** `no_grouping`: each alert is a message of its own, and one cause pages twice. `no_severity`: the rules lack the label that
the routes go by, and everything lands in the chat.

**Where this stops.** PagerDuty, Slack and the mail server are played by local receivers that keep what Alertmanager sent. Alertmanager
promises at least once: in a cluster a partition doubles messages. Nobody is told that Prometheus itself is down: have a
dead man's switch. The waits are a second here; by default a new group waits 30 seconds, a change in it five minutes.

**Sources.** Prometheus: [alerting rules](https://prometheus.io/docs/prometheus/latest/configuration/alerting_rules/),
[unit tests for rules](https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/),
[Alertmanager](https://prometheus.io/docs/alerting/latest/alertmanager/).
PagerDuty: [Events API v2](https://developer.pagerduty.com/docs/events-api-v2-overview);
Slack: [incoming webhooks](https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/);
[Google Cloud Observability](https://docs.cloud.google.com/stackdriver), whose address still has the old name.
[Monitoring Distributed Systems](https://sre.google/sre-book/monitoring-distributed-systems/), Site Reliability Engineering.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from string import Template
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove
from living_answers.local_server import Reply, serve

CONFIG = Path(__file__).with_name("config")
RULES, TESTS = "alert_routing_rules.yml", "alert_routing_rules_test.yml"
OWN_TESTS = Path(__file__).parents[2] / "infra" / "prometheus" / "tests" / "alerts_test.yml"
TITLE = re.compile(r"\[(FIRING|RESOLVED)(?::(\d+))?\] (\w+)")


def settings(program: str, **addresses: str) -> Any:
    """The settings of a program, from its file, with this run's addresses in it."""
    import yaml

    return yaml.safe_load(Template((CONFIG / f"alert_routing_{program}.yml").read_text()).substitute(addresses))


def metrics(*, bad: bool) -> str:
    """What the pipeline exports; two tasks failed, the data is two hours old, and a task takes ten times as long."""
    failed = [f'task_failed{{task="{task}"}} {int(bad)}' for task in ("load", "refine")]
    newest = f'dataset_newest_timestamp_seconds{{dataset="flights"}} {time.time() - 7200 * bad:.0f}'
    slow = [f'task_duration_seconds{{task="marts"}} {60 if bad else 6}', 'task_usual_duration_seconds{task="marts"} 6']
    return "\n".join([*failed, newest, *slow, ""])


def promtool(*arguments: Any) -> int:
    """Run promtool; return its exit code."""
    import subprocess

    from living_answers import engines

    program = engines.settings("prometheus")["promtool"]
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    print(done.stdout, done.stderr)
    return done.returncode


@answer(
    questions=["pipeline-monitoring-alerting"],
    claims={
        "c-002-monitoring-tools": {
            "verdict": "imprecise",
            "proof": "the alert mends nothing",
            "truth": "Prometheus and Grafana measure and show, Elasticsearch and Kibana search logs; they find problems, and "
            "somebody has to act.",
        },
        "c-004-alert-channels": {
            "verdict": "holds",
            "proof": "each alert reaches its receiver",
            "truth": "They do; the routing and grouping between rule and channel decide whether anybody still listens.",
        },
        "c-004-stackdriver-name": {
            "verdict": "not testable here",
            "proof": "the old name lives on as an identifier",
            "truth": "Since 2020 it is Google Cloud Monitoring and Cloud Logging, parts of Google Cloud Observability.",
        },
    },
    breaks={
        "no_grouping": {"what": "alerts go out singly", "fails": ["each alert arrives exactly once, grouped"]},
        "no_severity": {"what": "the rules set no severity", "fails": ["each alert reaches its receiver"]},
    },
    engines=["prometheus"],
    stand_ins={
        "pagerduty": "a local server that takes its Events API v2",
        "slack": "a local server that takes its webhook",
        "email": "a local SMTP server",
    },
)
def alert_routing():
    @task
    def test_the_rules() -> None:
        codes = [promtool("test", "rules", tests) for tests in (CONFIG / TESTS, OWN_TESTS)]
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, RULES).write_text((CONFIG / RULES).read_text().replace("> 3600", "> 7200"))
            wrong = promtool("test", "rules", shutil.copy(CONFIG / TESTS, folder))
        prove("the rules pass their unit tests", observed=codes, expected=[0, 0])
        prove("a wrong threshold fails its unit test", observed=wrong, expected=1, how="at_least")

    @task
    def route_the_alerts(params: dict[str, Any] | None = None) -> None:
        from living_answers.local_mail import receive_mail
        from living_answers.monitoring import alertmanager, prometheus, query
        from living_answers.waiting import wait_for

        health, rules = {"bad": False}, (CONFIG / RULES).read_text()
        severities = dict(re.findall(r"alert: (\w+)\n.*\n.*severity: (\w+)", rules))
        if params["break_it"] == "no_severity":
            rules = rules.replace("severity", "urgency")
        group_by = "..." if params["break_it"] == "no_grouping" else "alertname"
        text = {"Content-Type": "text/plain; version=0.0.4"}
        with (
            tempfile.TemporaryDirectory() as folder,
            serve(lambda _: Reply(body=metrics(**health).encode(), headers=text)) as exporter,
            serve(lambda _: Reply(202, b'{"status": "success"}')) as pager,
            serve(lambda _: Reply(200, b"ok")) as chat,
            receive_mail() as mail,
            ExitStack() as stack,
        ):
            Path(folder, RULES).write_text(rules)
            addresses = {"pager": pager.url, "chat": chat.url, "mail": mail.address, "group_by": group_by}

            def arrived(status: str) -> list[tuple[str, str, int]]:
                """Channel, alert and how many in one message, as the receivers got them."""
                titles = [("page", json.loads(one.body)["payload"]["summary"]) for one in pager.requests]
                titles += [("chat", json.loads(one.body)["attachments"][0]["title"]) for one in chat.requests]
                titles += [("mail", letter["Subject"]) for letter in mail.received]
                found = [(channel, TITLE.search(title)) for channel, title in titles]
                return [(channel, of[3], int(of[2] or 0)) for channel, of in found if of and of[1] == status]

            def all_three(status: str) -> bool:
                return {alert for _, alert, _ in arrived(status)} == severities.keys()

            manager = stack.enter_context(alertmanager(Path(folder), settings("alertmanager", **addresses)))
            addresses |= {"folder": folder, "exporter": exporter.url[7:], "alertmanager": manager[7:]}
            with prometheus(Path(folder), settings("prometheus", **addresses)) as url:
                wait_for(lambda: len(exporter.requests) > 3 and query(url, "task_failed"))
                calm = len(arrived("FIRING")) + len(query(url, "ALERTS"))
                health["bad"] = True
                wait_for(lambda: all_three("FIRING"))
                told = len(exporter.requests)
                wait_for(lambda: len(exporter.requests) > told + 2)
                still_bad = query(url, 'ALERTS{alertstate="firing"}')
                health["bad"] = False  # somebody has acted
                wait_for(lambda: all_three("RESOLVED"))
        fired, resolved = arrived("FIRING"), arrived("RESOLVED")
        prove("a healthy pipeline alerts nobody", observed=calm, expected=0, unit="alerts")
        who = {alert: channel for channel, alert, _ in fired}
        prove("each alert reaches its receiver", observed=who, expected=severities)
        messages, once = [one[1:] for one in fired], [("TaskFailed", 2), ("DataLate", 1), ("TaskSlow", 1)]
        prove("each alert arrives exactly once, grouped", observed=messages, expected=once, how="rows")
        alerts = sum(number for _, number in once)
        prove("the alert mends nothing", observed=len(still_bad), expected=alerts, unit="alerts firing")
        who = {alert: channel for channel, alert, _ in resolved}
        prove("each alert is resolved where it fired", observed=who, expected=severities)
        bodies = {"page": json.loads(pager.requests[0].body), "chat": json.loads(chat.requests[0].body)}
        bodies["mail"] = dict(mail.received[0])
        wanted = {
            "page": ["routing_key", "event_action", "dedup_key", "payload"],
            "chat": ["channel", "attachments"],
            "mail": ["From", "To", "Subject"],
        }
        held = {channel: [key for key in keys if key in bodies[channel]] for channel, keys in wanted.items()}
        prove("each channel gets its own format", observed=held, expected=wanted)

    @task
    def look_for_the_old_name() -> None:
        from airflow import config_templates

        text = Path(config_templates.__file__).with_name("config.yml").read_text().lower()
        uses = text.count("stackdriver://")
        prove("the old name lives on as an identifier", observed=uses, expected=1, how="at_least")

    [test_the_rules(), route_the_alerts(), look_for_the_old_name()]
