"""Execution plans as the page shows them: a step for each node, with what it took of the plan's whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, text

from living_answers.plans import Node, Plan
from living_answers.ui.values import number

#: From how many times too many or too few the planner's estimate is marked.
FAR_OFF: Final = 10
MOST_PLANS: Final = 8
MOST_STEPS: Final = 60
MOST_DEPTH: Final = 24
_MOST_LETTERS: Final = 400
_MOST_SQL: Final = 6000
_MOST_BYTES: Final = 1_000_000
#: They read all that is below them before they give a row, whatever is asked of them.
_READS_ALL: Final = ("Sort", "Hash", "Aggregate", "SetOp")
_CONDITIONS: Final = (
    *("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter", "One-Time Filter"),
    *("Sort Key", "Presorted Key", "Group Key"),
)

# A task that was tried again has shown its plans again: the last try counts.
_KEPT: Final = text(
    """
    WITH last AS (
        SELECT *, max(try_number) OVER (PARTITION BY run_id, task_id, map_index) AS last_try,
               row_number() OVER (PARTITION BY run_id ORDER BY id) AS place
        FROM ledger.plans WHERE dag_id = :dag_id AND run_id = ANY (:run_ids)
    )
    SELECT run_id, task_id, title, plan, left(sql, :letters) AS sql FROM last
    WHERE try_number = last_try AND place <= :most AND octet_length(plan::text) < :bytes ORDER BY id
    """
)


@dataclass(frozen=True)
class Kept:
    """A plan that a task has shown."""

    task_id: str
    title: str
    plan: Plan


@dataclass(frozen=True)
class Step:
    """A node: shares are of the plan's whole, ``off`` says how far the estimate was from what came."""

    type: str
    where: str
    conditions: tuple[str, ...]
    rows: str
    expected: str
    off: str
    notes: tuple[str, ...]
    time: str
    time_share: float
    buffers: str
    buffer_share: float
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Picture:
    """A plan, ready for its template; ``left_out`` counts the steps that are too many or too deep to show."""

    title: str
    task: str
    step: Step
    left_out: int
    time: str
    rows: str
    buffers: str
    #: Of the greatest among the plans beside it.
    buffer_share: float
    sql: str
    text: str


def kept(connection: Connection, dag_id: str, run_ids: Collection[str]) -> dict[str, list[Kept]]:
    """Return the plans of these runs, in the order in which they were shown."""
    asked = {"dag_id": dag_id, "run_ids": list(run_ids), "most": MOST_PLANS, "letters": _MOST_SQL, "bytes": _MOST_BYTES}
    found: dict[str, list[Kept]] = {}
    for run_id, task_id, title, plan, sql in connection.execute(_KEPT, asked) if run_ids else ():
        found.setdefault(run_id, []).append(Kept(task_id, title, Plan(sql, Node(plan))))
    return found


def draw(plans: Sequence[Kept]) -> tuple[Picture, ...]:
    """Draw the plans of one run."""
    greatest = max((one.plan.buffers for one in plans), default=0)
    return tuple(picture(one.title, one.plan, one.task_id, greatest) for one in plans)


def picture(title: str, plan: Plan, task: str = "", greatest: int = 0) -> Picture:
    """Draw one plan beside others whose greatest asked for ``greatest`` buffers."""
    drawing = _Drawing(plan)
    step = drawing.step(plan.root)
    return Picture(
        title=title,
        task=task,
        step=step,
        left_out=drawing.left_out,
        time=milliseconds(plan.root.milliseconds) if drawing.timed else "",
        rows=_counted(plan.rows, "row"),
        buffers=_counted(plan.buffers, "buffer"),
        buffer_share=_share(plan.buffers, max(greatest, plan.buffers)),
        sql=plan.sql.strip(),
        text=drawing.told(step),
    )


def milliseconds(figure: float) -> str:
    """Return a time with as many digits as are of use."""
    told = number(round(figure, 2 if figure < 1 else 1 if figure < 100 else 0))
    return f"{told}\N{NO-BREAK SPACE}ms"


@dataclass
class _Drawing:
    """Counts what it has drawn of a plan, so that a huge one ends."""

    plan: Plan
    drawn: int = 0
    left_out: int = 0
    timed: bool = field(init=False)

    def __post_init__(self) -> None:
        self.timed = "Actual Total Time" in self.plan.root.details

    def step(self, node: Node, depth: int = 0, *, cut_short: bool = False) -> Step:
        self.drawn += 1
        below = cut_short or node.type == "Limit"
        if node.type.endswith(_READS_ALL):
            below = False
        own, whole = node.own_milliseconds, self.plan.root.milliseconds
        return Step(
            type=_type(node.details),
            where=_where(node),
            conditions=tuple(_conditions(node.details)),
            rows=_counted(node.rows, "row") if self.timed else "",
            expected=number(node.estimated_rows),
            off=_off(node, cut_short=cut_short) if self.timed else "",
            notes=tuple(_notes(node)),
            time=milliseconds(own) if self.timed else "",
            time_share=_share(own, whole),
            buffers=number(node.own_buffers),
            buffer_share=_share(node.own_buffers, self.plan.buffers),
            steps=tuple(self._below(node, depth + 1, cut_short=below)),
        )

    def _below(self, node: Node, depth: int, *, cut_short: bool) -> list[Step]:
        found = []
        for child in node.children:
            if self.drawn >= MOST_STEPS or depth > MOST_DEPTH:
                self.left_out += _size(child)
            else:
                found.append(self.step(child, depth, cut_short=cut_short))
        return found

    def told(self, root: Step) -> str:
        """The same in plain text: to copy, and for whoever cannot see the bars."""
        lines, waiting = [], [(0, root)]
        while waiting:
            depth, step = waiting.pop()
            lines.append(f"{'  ' * depth}{_line(step)}")
            waiting += [(depth + 1, child) for child in reversed(step.steps)]
        return "\n".join(lines + ([f"and {self.left_out} more steps"] if self.left_out else []))


def _line(step: Step) -> str:
    expected = f"expected {step.expected}"
    rows = f"{step.rows} ({expected}{f', {step.off}' if step.off else ''})" if step.rows else expected
    figures = [rows, *step.notes, f"{step.buffers} buffers", step.time]
    told = f"{step.type} {step.where}".strip() + ": " + ", ".join(filter(None, figures))
    return " | ".join([told, *step.conditions]).replace("\N{NO-BREAK SPACE}", " ")


def _type(details: dict[str, Any]) -> str:
    """As EXPLAIN's text has it: a Left Hash Join, a HashAggregate, a Parallel Seq Scan."""
    told = str(details["Node Type"])
    join = details.get("Join Type")
    if join and join != "Inner":
        told = told.replace(" Join", "") + f" {join} Join"
    if strategy := {"Hashed": "Hash", "Sorted": "Group", "Mixed": "Mixed"}.get(str(details.get("Strategy"))):
        told = f"{strategy}{told}" if told == "Aggregate" else told
    partial = details.get("Partial Mode")
    words = ["Parallel" if details.get("Parallel Aware") else "", partial if partial not in {None, "Simple"} else ""]
    return " ".join([*filter(None, words), told])


def _where(node: Node) -> str:
    alias = node.details.get("Alias")
    relation = node.relation or node.details.get("CTE Name") or node.details.get("Function Name")
    named = f"{relation} {alias}" if relation and alias and alias != relation else relation
    back = "backwards" if node.details.get("Scan Direction") == "Backward" else ""
    words = [named and f"on {named}", node.index and f"by {node.index}", back]
    return _short(" ".join(str(word) for word in words if word))


def _conditions(details: dict[str, Any]) -> list[str]:
    found = [f"{kind}: {_listed(details[kind])}" for kind in _CONDITIONS if kind in details]
    return [_short(told) for told in found]


def _notes(node: Node) -> list[str]:
    details = node.details
    if node.loops == 0:
        return ["never run"]
    found = [f"{number(node.removed)} removed by filter"] if node.removed else []
    if node.loops > 1:
        found.append(f"in {number(node.loops)} loops")
    if "Heap Fetches" in details:
        found.append(f"{_counted(int(details['Heap Fetches']), 'heap fetch', 'heap fetches')}")
    if details.get("Sort Space Type") == "Disk" or details.get("Disk Usage"):
        found.append("spilled to disk")
    return found + [_short(str(name)) for name in [details.get("Subplan Name")] if name]


def _off(node: Node, *, cut_short: bool) -> str:
    """How far the estimate is off; below a LIMIT fewer rows than estimated are no error of the planner's."""
    rows, expected = max(node.rows, 1), max(node.estimated_rows, 1)
    if node.loops and rows > FAR_OFF * expected:
        return f"{number(round(rows / expected))} times more than expected"
    if node.loops and expected > FAR_OFF * rows and not cut_short:
        return f"{number(round(expected / rows))} times fewer than expected"
    return ""


def _size(node: Node) -> int:
    """Count a node and all below it, however deep."""
    found, waiting = 0, [node]
    while waiting:
        found += 1
        waiting += waiting.pop().children
    return found


def _listed(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _short(told: str) -> str:
    return told if len(told) <= _MOST_LETTERS else f"{told[:_MOST_LETTERS]}…"


def _share(part: float, whole: float) -> float:
    return min(part / whole, 1.0) if whole > 0 else 0.0


def _counted(times: int, one: str, many: str = "") -> str:
    return f"{number(times)}\N{NO-BREAK SPACE}{one if times == 1 else many or one + 's'}"
