"""Execution plans as data: what PostgreSQL did for a query, node by node, with rows and buffers.

https://www.postgresql.org/docs/current/sql-explain.html says what each figure means. Times of a plan are for looking
at; what is proven stands on node types, rows and buffers, which a busy machine does not change.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert

from living_answers import run_context
from living_answers.ledger import engine
from living_answers.ledger.tables import plans

if TYPE_CHECKING:
    import psycopg

_EXPLAIN: Final = "EXPLAIN (ANALYZE, BUFFERS, SETTINGS, FORMAT JSON) "
_CONDITIONS: Final = ("Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Filter")


@dataclass(frozen=True)
class Node:
    """One step of a plan, as EXPLAIN's JSON has it in ``details``."""

    details: dict[str, Any]

    @property
    def type(self) -> str:
        """What PostgreSQL did: Seq Scan, Hash Join, Sort."""
        return str(self.details["Node Type"])

    @property
    def relation(self) -> str | None:
        """The table that is read, if one is."""
        return self.details.get("Relation Name")

    @property
    def index(self) -> str | None:
        """The index that is read, if one is."""
        return self.details.get("Index Name")

    @property
    def condition(self) -> str:
        """The conditions that the node applies, each with its kind."""
        return "; ".join(f"{kind}: {self.details[kind]}" for kind in _CONDITIONS if kind in self.details)

    @property
    def loops(self) -> int:
        """How often the node was run."""
        return int(self.details.get("Actual Loops", 1))

    @property
    def rows(self) -> int:
        """The rows it gave, over all loops."""
        return round(float(self.details.get("Actual Rows", 0)) * self.loops)

    @property
    def estimated_rows(self) -> int:
        """The rows that the planner expected, over all loops."""
        return round(float(self.details.get("Plan Rows", 0)) * max(self.loops, 1))

    @property
    def removed(self) -> int:
        """The rows that it read and threw away, over all loops."""
        return round(sum(float(v) for k, v in self.details.items() if k.startswith("Rows Removed by")) * self.loops)

    @property
    def buffers(self) -> int:
        """The 8 kB pages it and the nodes below it asked for, in memory or not."""
        return int(self.details.get("Shared Hit Blocks", 0)) + int(self.details.get("Shared Read Blocks", 0))

    @property
    def own_buffers(self) -> int:
        """The pages that it asked for itself."""
        return max(self.buffers - sum(child.buffers for child in self.children), 0)

    @property
    def milliseconds(self) -> float:
        """The time in it and below it, over all loops."""
        return float(self.details.get("Actual Total Time", 0.0)) * self.loops

    @property
    def own_milliseconds(self) -> float:
        """The time in it alone."""
        return max(self.milliseconds - sum(child.milliseconds for child in self.children), 0.0)

    @property
    def children(self) -> list["Node"]:
        """The nodes that feed it."""
        return [Node(child) for child in self.details.get("Plans", [])]

    def walk(self, depth: int = 0) -> Iterator[tuple[int, "Node"]]:
        """Yield it and all below it, depth first, each with its depth."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)


@dataclass(frozen=True)
class Plan:
    """A query that was run, and how."""

    sql: str
    root: Node

    @property
    def nodes(self) -> list[Node]:
        """All nodes, depth first."""
        return [node for _, node in self.root.walk()]

    @property
    def types(self) -> list[str]:
        """The types of all nodes, depth first."""
        return [node.type for node in self.nodes]

    @property
    def rows(self) -> int:
        """The rows of the result."""
        return self.root.rows

    @property
    def buffers(self) -> int:
        """The pages that the query asked for, in memory or not."""
        return self.root.buffers

    def node(self, type_: str) -> Node:
        """Return the first node whose type contains ``type_``; raises LookupError if none does."""
        found = next((node for node in self.nodes if type_ in node.type), None)
        if found is None:
            raise LookupError(f"the plan has no {type_}; it has {', '.join(self.types)}")
        return found

    def tree(self) -> str:
        """Return the plan as an indented text, a line for each node."""
        return "\n".join(_line(depth, node) for depth, node in self.root.walk())


def steady(connection: "psycopg.Connection[Any]") -> None:
    """Make plans of this session the same on any machine: no parallel workers, no compilation."""
    connection.execute("set max_parallel_workers_per_gather = 0")
    connection.execute("set jit = off")


def explain(connection: "psycopg.Connection[Any]", sql: str, parameters: Sequence[Any] | None = None) -> Plan:
    """Run the query under EXPLAIN ANALYZE and return its plan. It runs for real: what it writes is written."""
    row = connection.execute(_EXPLAIN + sql, parameters).fetchone()
    if row is None:
        raise LookupError("EXPLAIN gave no plan")
    return Plan(sql, Node(row[0][0]["Plan"]))


def show(title: str, plan: Plan) -> None:
    """Keep the plan beside the run's evidence, where the answer's page draws it, and write it into the log."""
    run = run_context.current()
    row = {
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "task_id": run.task_id,
        "map_index": run.map_index,
        "try_number": run.try_number,
        "title": title,
        "plan": plan.root.details,
        "sql": plan.sql,
    }
    with engine().begin() as connection:
        connection.execute(insert(plans).values(row))
    logging.getLogger(__name__).info("%s\n%s", title, plan.tree())


def _line(depth: int, node: Node) -> str:
    where = " ".join(filter(None, (node.relation and f"on {node.relation}", node.index and f"by {node.index}")))
    removed = f", {node.removed:,} removed" if node.removed else ""
    figures = f"{node.rows:,} rows (expected {node.estimated_rows:,}){removed}, {node.buffers:,} buffers"
    return (
        f"{'  ' * depth}{node.type} {where}".rstrip()
        + f": {figures}"
        + (f"  [{node.condition}]" if node.condition else "")
    )
