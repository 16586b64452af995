"""What the drivers' own questions to the catalogue rely on, and PostgreSQL no longer has or never had.

Columns of pg_class, pg_attribute and others that only Redshift has: a statement that names one reads the gateway's view
of that table instead. A select list's alias in WHERE: Redshift knows it there; it is expanded where the alias is one of
JDBC's metadata columns, which no table has, or one of SQLAlchemy's and its SELECT reads none but tables without it.
https://docs.aws.amazon.com/redshift/latest/dg/c_intro_catalog_views.html
"""

from typing import Any, Final

from redshift_gateway.statements.lexer import Kind, Token

_VIEWS: Final = frozenset({"pg_class", "pg_attribute", "pg_constraint", "pg_attrdef"})
_COLUMNS: Final = frozenset({
    "relhasoids", "reldiststyle", "releffectivediststyle", "attisdistkey", "attsortkeyord", "attencodingtype", "consrc",
    "adsrc",
})  # fmt: skip
_FUNCTIONS: Final = frozenset(
    {"format_encoding", "format_type", "pg_get_expr"}
)  # of the columns of the gateway's views
_JDBC: Final = frozenset({"table_schem", "is_autoincrement"})
_SQLALCHEMY: Final = "svv_external_schemas"  # stands in each question of sqlalchemy-redshift's that has such an alias
_SPECTRUM: Final = frozenset({_SQLALCHEMY, "svv_external_tables", "svv_external_columns"})
_TABLES: Final = _SPECTRUM | _VIEWS | {"pg_namespace", "pg_user", "pg_get_late_binding_view_cols"}
_WITHOUT: Final = {"schema": _TABLES, "table_name": _TABLES, "relname": _TABLES - {"pg_class"}}
WORDS: Final = _COLUMNS | _JDBC | {_SQLALCHEMY}


def catalogue_tables(tokens: list[Token]) -> list[Token]:
    """The statement with the gateway's views in place of catalogue tables, if it names a column that only they have."""
    if not any(t.word in _COLUMNS for t in tokens):
        return tokens
    result: list[Token] = []
    for position, token in enumerate(tokens):
        before = result[-1].text if result else ""
        after = tokens[position + 1].text if position + 1 < len(tokens) else ""
        ours = (token.word in _VIEWS and after != ".") or (token.word in _FUNCTIONS and after == "(")
        if ours and (before != "." or result[-2].word == "pg_catalog"):
            del result[len(result) - (2 if before == "." else 0) :]
            token = Token(Kind.WORD, f"redshift_gateway.{token.word}")  # noqa: PLW2901
        result.append(token)
    return result


def apart(tokens: list[Token]) -> list[Token]:
    """A space between a number and a word that follows it at once, as in 4WHEN: PostgreSQL 15 and later ask for one."""
    result: list[Token] = []
    for token in tokens:
        if result and result[-1].kind is Kind.NUMBER and token.kind is Kind.WORD and token.text[0] not in "xXoObB_":
            result.append(Token(Kind.SPACE, " "))
        result.append(token)
    return result


def expand_aliases(sql: str) -> str:
    """The statement with aliases of its select list, of drivers' names, replaced by what they stand for elsewhere."""
    if not any(name in sql.lower() for name in (*_JDBC, _SQLALCHEMY)):
        return sql
    import sqlglot  # a quarter of a second, needed by few sessions
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(sql, read="postgres")
    except sqlglot.errors.SqlglotError:
        return sql  # PostgreSQL will say what is wrong with it
    for select in tree.find_all(exp.Select):
        _expand_jdbcs(select)
        _expand_sqlalchemys(select)
    return str(tree.sql(dialect="postgres"))


def _named(select: Any) -> dict[str, Any]:
    """What the aliases of the select list stand for."""
    from sqlglot import exp

    return {e.alias.lower(): e.this for e in select.expressions if isinstance(e, exp.Alias)}


def _expand_jdbcs(select: Any) -> None:
    from sqlglot import exp

    named, where = _named(select), select.args.get("where")
    if not named.keys() & _JDBC:
        return
    for column in [c for part in (*select.expressions, where) if part for c in part.find_all(exp.Column)]:
        name = column.name.lower()
        in_where = where is not None and column.find_ancestor(exp.Where) is where
        if not column.table and name in named and (name in _JDBC or in_where):
            column.replace(exp.paren(named[name].copy()))


def _expand_sqlalchemys(select: Any) -> None:
    """Also WHERE 1, which PostgreSQL wants to be WHERE TRUE."""
    from sqlglot import exp

    named, where = _named(select), select.args.get("where")
    sources = {(t.find(exp.Anonymous) or t).name.lower() for t in select.find_all(exp.Table)}
    if where is None:
        return
    for condition in [where.this, *where.find_all(exp.And)]:
        for literal in (condition, *condition.args.values()):
            if isinstance(literal, exp.Literal) and not literal.is_string:
                literal.replace(exp.Boolean(this=literal.to_py() != 0))
    for column in list(where.find_all(exp.Column)):
        name = column.name.lower()
        if not column.table and name in named and sources <= _WITHOUT.get(name, frozenset()):
            column.replace(exp.paren(named[name].copy()))
