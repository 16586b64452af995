"""QUALIFY: the rows of a SELECT for which a condition on window functions holds.

PostgreSQL has no such clause, so the condition becomes a column of a subquery. `*` stays what it is: the rows of the
tables are carried through the subquery whole, and opened outside.
https://docs.aws.amazon.com/redshift/latest/dg/r_QUALIFY_clause.html
"""

import re
from typing import Any

from redshift_gateway.errors import not_supported

_CONDITION, _SUBQUERY = "_qualified", "_qualify"
_CALLED = re.compile(r"(?:\w+\.)?(\w+)\(|(case)\b")


def rewrite(sql: str) -> str:
    """The statement without QUALIFY. Raises GatewayError for what cannot be rewritten."""
    import sqlglot  # a quarter of a second, needed by few sessions
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(sql, read="postgres")
    except sqlglot.errors.SqlglotError:
        return sql  # PostgreSQL will say what is wrong with it
    found = [s for s in tree.find_all(exp.Select) if s.args.get("qualify")]
    for select in reversed(found):  # the innermost first
        new = _outer(select, exp)
        if select is tree:
            tree = new
        else:
            select.replace(new)
    return tree.sql(dialect="postgres")


def _outer(select: Any, exp: Any) -> Any:
    """The SELECT around the one with the condition."""
    inner = select.copy()
    named = {e.alias: e.this for e in inner.expressions if isinstance(e, exp.Alias)}
    condition = inner.args.pop("qualify").this.transform(_by_alias(named, exp))
    items = [_item(number, item, inner, exp) for number, item in enumerate(inner.expressions)]
    distinct, limit, offset, order = (inner.args.pop(k, None) for k in ("distinct", "limit", "offset", "order"))
    with_ = inner.args.pop("with_", None) or inner.args.pop("with", None)
    keys = [o.this for o in order.expressions] if order else []
    ordered = [exp.alias_(k.transform(_by_alias(named, exp)), f"_order{n}") for n, k in enumerate(keys)]
    inner.set("expressions", [i for _, added in items for i in added] + [exp.alias_(condition, _CONDITION)])
    inner.set("expressions", inner.expressions + ([] if distinct else ordered))
    outer = exp.select(*[o for o, _ in items]).from_(inner.subquery(_SUBQUERY)).where(exp.column(_CONDITION))
    for key, value in (("distinct", distinct), ("limit", limit), ("offset", offset), ("with_", with_)):
        if value is not None:
            outer.set(key, value)
    if order and not distinct:
        for number, o in enumerate(order.expressions):
            o.set("this", exp.column(f"_order{number}") if not keys[number].is_number else keys[number])
    if order:
        outer.set("order", order)
    return outer


def _by_alias(named: dict[str, Any], exp: Any) -> Any:
    """QUALIFY may name a column of the select list: what that column stands for takes its place."""

    def replace(node: Any) -> Any:
        if isinstance(node, exp.Column) and not node.table and node.name in named:
            return exp.paren(named[node.name].copy())
        return node

    return replace


def _item(number: int, item: Any, select: Any, exp: Any) -> tuple[Any, list[Any]]:
    """A column of the select list: how it is read outside, and what the subquery selects for it."""
    star = isinstance(item, exp.Star)
    if star or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
        tables = _tables(select) if star else [item.table]
        names = [f"_row{number}_{n}" for n in range(len(tables))]
        opened = ", ".join(f'("{_SUBQUERY}"."{name}").*' for name in names)
        rows = [exp.alias_(exp.column(t), name) for t, name in zip(tables, names, strict=True)]
        return exp.Var(this=opened), rows
    shown = _folded(item, exp) or _named_by_postgres(item, exp)
    inner_name, inner = f"_column{number}", exp.alias_(item.unalias().copy(), f"_column{number}", quoted=True)
    if isinstance(item, exp.Alias) and [e.alias for e in select.expressions].count(item.alias) == 1:
        inner_name, inner = shown, item  # GROUP BY may name it
    return exp.alias_(exp.column(exp.to_identifier(inner_name, quoted=True)), shown, quoted=True), [inner]


def _folded(item: Any, exp: Any) -> str:
    """A column's own name or alias, in lower case unless it is quoted; nothing if it has none."""
    identifier = item.args.get("alias") if isinstance(item, exp.Alias) else item.unnest()
    if isinstance(identifier, exp.Cast):  # PostgreSQL looks through it for a column
        identifier = identifier.this
    identifier = identifier.this if isinstance(identifier, exp.Column) else identifier
    if not isinstance(identifier, exp.Identifier):
        return ""
    return str(identifier.name if identifier.args.get("quoted") else identifier.name.lower())


def _named_by_postgres(item: Any, exp: Any) -> str:
    """What PostgreSQL calls a column that has no name: by its function, if it is one's call."""
    called = _CALLED.match(item.sql(dialect="postgres").lower())
    if called and isinstance(item, exp.Func | exp.Window | exp.Dot) and not isinstance(item, exp.Cast):
        return called[1] or called[2]
    return "?column?"


def _tables(select: Any) -> list[str]:
    """The names of what a SELECT reads from, of which `*` is the columns."""
    joins = select.args.get("joins") or []
    if any(j.args.get("using") or j.args.get("method") for j in joins):
        raise not_supported("QUALIFY with * over a join USING or NATURAL", "Name the columns.")
    source = select.args.get("from_") or select.args.get("from")
    return [t.this.alias_or_name for t in [source, *joins] if t is not None]
