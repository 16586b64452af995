"""# Why are relational databases called relational?

**Say it.** After the mathematical relation: a set of tuples over named attributes, Codd 1970. A table is one. The operators, such as
selection, projection, join, union and difference, take relations and give relations, so they nest. Foreign keys are constraints
between relations; they are not what the name means.

**How it works.** A relation is a heading (attribute names) and a body (a set of tuples), so it has no order and no doubled tuple. As
every operator's result is a relation again (*closure*), expressions nest, and laws hold as in algebra: a selection may move below a
join. That is what lets an optimiser rewrite a query, and what made SQL declarative. Relationships between tables are made by
comparing *values* in a join, whichever columns one likes; a foreign key only refuses values that point nowhere.

SQL departs from the model: a table is a *bag*, which keeps duplicates until DISTINCT (UNION removes them, UNION ALL does not); columns
have an order; and NULL brings a third truth value, by which a row is not even equal to itself.

**This run proves**, with the algebra written as five small Python functions over the planes and airlines of the samples
- *SQL is a bag until DISTINCT*: a projection keeps every row; with DISTINCT it has as many as the set;
- *the algebra agrees with SQL*: selection, projection, join, union and difference;
- *operators nest*: the join of a selection's projection is the nested query;
- *a selection may move below the join*: both sides of the law give the same relation;
- *a table without a foreign key is a relation*: the catalogue has no such key for the tables that were used;
- *a foreign key changes no join*: the same query before and after the constraint is added;
- *NULL is where SQL leaves the model*: rows of a table that do not equal themselves.

**Break it.** `bag`: projection keeps its doubled tuples, as SELECT does, and is no relation any more.

**Where this stops.** "Relation" is not "relationship": that word is the entity-relationship model's (Chen 1976), where relationships
are drawn between entities. The model of 1970 has no NULL, which Codd added later, and no row order at all; SQL's ORDER BY gives a list, which
is no relation, so only the last ORDER BY of a query promises an order. In the notes the word invites the explanation by foreign keys; that one is wrong.

**Sources.** Codd, [A Relational Model of Data for Large Shared Data Banks](https://doi.org/10.1145/362384.362685). Chen,
[The Entity-Relationship Model](https://doi.org/10.1145/320434.320440). PostgreSQL:
[combining queries](https://www.postgresql.org/docs/18/queries-union.html),
[DISTINCT](https://www.postgresql.org/docs/18/sql-select.html#SQL-DISTINCT).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from airflow.sdk import task

from living_answers.answers import answer, prove, scratch


class Relation(NamedTuple):
    """A heading and a set of tuples; ``body`` becomes a list when somebody forgets that it is a set."""

    heading: tuple[str, ...]
    body: Any


def select(relation: Relation, condition: Callable[[dict[str, Any]], bool]) -> Relation:
    """The tuples for which the condition is true."""
    kept = {row for row in relation.body if condition(dict(zip(relation.heading, row, strict=True)))}
    return Relation(relation.heading, kept)


def project(relation: Relation, *attributes: str, into: Callable[[Iterable[Any]], Any] = set) -> Relation:
    """The named attributes of each tuple. What becomes equal becomes one."""
    places = [relation.heading.index(name) for name in attributes]
    return Relation(attributes, into(tuple(row[place] for place in places) for row in relation.body))


def join(left: Relation, right: Relation) -> Relation:
    """Natural join: tuples that agree in the attributes that both have."""
    common = [name for name in left.heading if name in right.heading]
    extra = [name for name in right.heading if name not in common]
    keys, values = project(right, *common, into=list).body, project(right, *extra, into=list).body
    matches: dict[Any, list[Any]] = {}
    for key, value in zip(keys, values, strict=True):
        matches.setdefault(key, []).append(value)
    pairs = zip(left.body, project(left, *common, into=list).body, strict=True)
    return Relation((*left.heading, *extra), {row + more for row, key in pairs for more in matches.get(key, [])})


def union(left: Relation, right: Relation) -> Relation:
    return Relation(left.heading, left.body | right.body)


def difference(left: Relation, right: Relation) -> Relation:
    return Relation(left.heading, left.body - right.body)


def relation(connection: Any, query: str) -> Relation:
    cursor = connection.execute(query)
    return Relation(tuple(column.name for column in cursor.description), set(cursor.fetchall()))


TABLES = {
    "planes": "SELECT tailnum, manufacturer, model, engines, seats FROM sample.planes",
    "flown": "SELECT DISTINCT tailnum, carrier FROM sample.flights WHERE month = 1 AND tailnum IS NOT NULL",
    "airlines": "SELECT carrier, name FROM sample.airlines",
}
FLOWN = f"({TABLES['flown']}) AS flown"
IN_SQL = {
    "selection": "SELECT tailnum, manufacturer, model, engines, seats FROM sample.planes WHERE seats > 300",
    "projection": "SELECT DISTINCT manufacturer, engines FROM sample.planes",
    "join": f"SELECT tailnum, carrier, name FROM {FLOWN} INNER JOIN sample.airlines USING (carrier)",  # noqa: S608
    "union": f"SELECT tailnum FROM sample.planes UNION SELECT tailnum FROM {FLOWN}",  # noqa: S608
    "difference": f"SELECT tailnum FROM {FLOWN} EXCEPT SELECT tailnum FROM sample.planes",  # noqa: S608
}
NESTED = f"""
    SELECT DISTINCT manufacturer, name
    FROM (SELECT tailnum, manufacturer FROM sample.planes WHERE seats > 300) AS large
    INNER JOIN {FLOWN} USING (tailnum)
    INNER JOIN sample.airlines USING (carrier)
"""  # noqa: S608


@answer(
    questions=["sql-relational-meaning"],
    claims={
        "c-002-premise-word-relational": {
            "verdict": "imprecise",
            "proof": "a table without a foreign key is a relation",
            "truth": "The word is Codd's, for the mathematical relation: a set of tuples over attributes, closed under "
            "its operators. Relationships by foreign keys are a constraint on top.",
        }
    },
    breaks={"bag": {"what": "a projection keeps its doubled tuples", "fails": ["SQL is a bag until DISTINCT"]}},
    scratch=["schema"],
)
def relational_meaning():
    @task
    def project_a_bag(params: dict[str, Any] | None = None) -> None:
        from living_answers import samples

        into = list if params["break_it"] == "bag" else set
        with scratch.connect() as connection:
            samples.ensure(connection)
            planes = relation(connection, TABLES["planes"])
            counts = "SELECT count(manufacturer), count(DISTINCT manufacturer) FROM sample.planes"
            in_sql = list(connection.execute(counts).fetchone())
            unequal = connection.execute(
                "SELECT count(*) FROM sample.planes WHERE (year = year) IS NOT TRUE"
            ).fetchone()[0]
            years = [row[0] for row in connection.execute("SELECT year FROM sample.planes")]
        makers = project(planes, "manufacturer", into=into).body
        prove("NULL is where SQL leaves the model", observed=unequal, expected=years.count(None), unit="rows")
        prove("SQL is a bag until DISTINCT", observed=in_sql, expected=[len(planes.body), len(makers)], unit="rows")

    @task
    def compare_the_algebra() -> None:
        with scratch.connect() as connection:
            planes, flown, airlines = (relation(connection, query) for query in TABLES.values())
            in_sql = {name: connection.execute(query).fetchall() for name, query in IN_SQL.items()}
            nested = connection.execute(NESTED).fetchall()
        large = select(planes, lambda row: row["seats"] > 300)
        algebra = {
            "selection": large,
            "projection": project(planes, "manufacturer", "engines"),
            "join": join(flown, airlines),
            "union": union(project(planes, "tailnum"), project(flown, "tailnum")),
            "difference": difference(project(flown, "tailnum"), project(planes, "tailnum")),
        }
        for name, rows in in_sql.items():
            prove("the algebra agrees with SQL", observed=rows, expected=list(algebra[name].body), how="rows")
        both = project(join(join(project(large, "tailnum", "manufacturer"), flown), airlines), "manufacturer", "name")
        prove("operators nest", observed=nested, expected=list(both.body), how="rows")
        above = select(join(planes, flown), lambda row: row["seats"] > 300)
        below = join(large, flown)
        prove("a selection may move below the join", observed=list(above.body), expected=list(below.body), how="rows")

    @task
    def add_a_foreign_key() -> None:
        keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid IN ({})"
        with scratch.connect() as connection:
            used = "'sample.planes'::regclass, 'sample.flights'::regclass, 'sample.airlines'::regclass"
            found = connection.execute(keys.format(used)).fetchone()[0]
            connection.execute("DROP TABLE IF EXISTS flown, airlines")
            connection.execute(f"CREATE TABLE flown AS {TABLES['flown']}")
            connection.execute("CREATE TABLE airlines AS SELECT * FROM sample.airlines")
            before = connection.execute(
                "SELECT tailnum, name FROM flown INNER JOIN airlines USING (carrier)"
            ).fetchall()
            connection.execute("ALTER TABLE airlines ADD PRIMARY KEY (carrier)")
            connection.execute("ALTER TABLE flown ADD FOREIGN KEY (carrier) REFERENCES airlines")
            added = connection.execute(keys.format("'flown'::regclass")).fetchone()[0]
            after = connection.execute("SELECT tailnum, name FROM flown INNER JOIN airlines USING (carrier)").fetchall()
        prove(
            "a table without a foreign key is a relation", observed=[found, added], expected=[0, 1], unit="foreign keys"
        )
        prove("a foreign key changes no join", observed=after, expected=before, how="rows")

    project_a_bag() >> [compare_the_algebra(), add_a_foreign_key()]
