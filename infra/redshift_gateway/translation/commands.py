"""Forms of commands about users, databases, privileges and the like that only Redshift has.

Where PostgreSQL has the same under another word it is written so; the rest is refused by name, for PostgreSQL's own
syntax error would not say what is missing.
https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html and the pages that it lists
"""

import re
from collections.abc import Callable
from typing import Final

from redshift_gateway.errors import not_supported
from redshift_gateway.statements.lexer import Kind, Token, literal

# Statements that are worth a look. Most have no form of Redshift's, but they are rare.
LOOKED_AT: Final = (
    rb"(?:\A|;|\*/)\s*(?:attach|detach|desc|use|delete(?!\s+from\b))\b|\bnonatomic\b|\brefresh\s+materialized\b"
    rb"|\b(?:create|alter|drop)\s+(?:user|role|schema|database|system|default|materialized)\b|\b(?:grant|revoke)\b"
)
_COMMANDS: Final = frozenset({
    "alter", "attach", "create", "delete", "desc", "detach", "drop", "grant", "refresh", "revoke", "show", "use",
})  # fmt: skip
_NAME: Final = r"[^ ]+(?: \. [^ ]+)*"
_EXTERNAL: Final = "(?:location|file format|table properties)"
_SCOPED: Final = "schemas|tables|functions|procedures|languages|copy jobs|templates"
_UNKNOWN: Final = "(?:[a-z]+ , )*(?:drop|alter|share)(?: , [a-z]+)*"
_SYSTEM: Final = (
    "(?:create|drop|alter) (?:user|role|datashare|schema|table|default privileges|model|library|function|procedure)"
    "|access (?:system table|catalog)|truncate table|analyze|vacuum|cancel|(?:explain|ignore) rls|explain masking"
)
_ALONE: Final = "It needs Redshift itself."
# The beginning of a statement, its texts written as S and its quoted names as N; the name of what is refused (that
# beginning itself where there is none); a hint.
_REFUSED: Final = tuple(
    (re.compile(form), name, hint)
    for form, name, hint in (
        (r"(?:attach|detach) (?:rls|masking) policy", "", "CREATE POLICY is PostgreSQL's."),
        (r"desc (?:datashare|identity provider)", "", _ALONE),
        (r"use [^ ]+$", "USE", "Connect to that database."),
        (r"show (?:datashares|policies|use)\b", "", _ALONE),
        (r"(?:create|alter) database .*\bcollate\b", "COLLATE of a database", "Compare lower(column) with a text."),
        (r"(?:create|alter) database .*\bisolation level\b", "ISOLATION LEVEL of a database",
         "SET default_transaction_isolation is PostgreSQL's."),
        (rf"create database {_NAME} (?:with )?from ", "CREATE DATABASE ... FROM", _ALONE),
        (rf"alter database {_NAME} integration ", "ALTER DATABASE ... INTEGRATION", _ALONE),
        (r"drop database .* force$", "DROP DATABASE ... FORCE", "DROP DATABASE ... WITH (FORCE) ends its sessions."),
        (r"drop schema .* drop external database", "DROP EXTERNAL DATABASE", _ALONE),
        (r"(?:create|alter) schema .*\bquota\b", "QUOTA of a schema", "Leave it out: PostgreSQL has no such limit."),
        (r"alter system set (?:data_catalog_auto_mount|metadata_security|default_identity_namespace)\b",
         "", _ALONE),
        (rf"alter table {_NAME} (?:(?:add |add if not exists |drop )?partition \(|set {_EXTERNAL}\b)",
         "ALTER TABLE of an external table", "COPY loads from S3."),
        (rf"alter table {_NAME} (?:set row level security|masking) o(?:n|ff)\b",
         "ALTER TABLE ... ROW LEVEL SECURITY or MASKING", "ENABLE ROW LEVEL SECURITY is PostgreSQL's."),
        (rf"alter materialized view {_NAME} (?:set )?row level security o(?:n|ff)\b",
         "ALTER MATERIALIZED VIEW ... ROW LEVEL SECURITY", "ENABLE ROW LEVEL SECURITY is PostgreSQL's, of tables."),
        (rf"alter materialized view {_NAME} auto refresh ", "ALTER MATERIALIZED VIEW ... AUTO REFRESH",
         "REFRESH MATERIALIZED VIEW does it when you want it."),
        (rf"alter materialized view {_NAME} alter (?:distkey|diststyle|sortkey|compound|encode)\b",
         "ALTER MATERIALIZED VIEW ... ALTER of its keys", "It can be dropped and created with them."),
        (r"refresh materialized view .* cascade$", "REFRESH MATERIALIZED VIEW ... CASCADE", "Refresh each in turn."),
        (r"create (?:or replace )?procedure .*\bnonatomic\b", "NONATOMIC of a procedure",
         "A procedure can COMMIT and ROLLBACK itself."),
        (r"(?:create|alter) (?:user|role) .*\bexternalid\b", "EXTERNALID", "Give a password."),
        (rf"alter role {_NAME} (?:with )?owner to ", "ALTER ROLE ... OWNER TO", "Roles have no owner in PostgreSQL."),
        (r"drop role .* force$", "DROP ROLE ... FORCE", "DROP OWNED BY takes its privileges away."),
        (r"(?:create|alter) user .*\bsyslog access unrestricted\b", "SYSLOG ACCESS UNRESTRICTED",
         "A superuser sees all."),
        (r"(?:create|alter) user .*\bsession timeout\b", "SESSION TIMEOUT",
         "ALTER USER ... SET idle_session_timeout is PostgreSQL's."),
        (r"alter default privileges .* on procedures\b", "ALTER DEFAULT PRIVILEGES ON PROCEDURES",
         "ON FUNCTIONS is about procedures too."),
        (r"(?:grant|revoke) .*\bassumerole\b", "ASSUMEROLE", "COPY and UNLOAD name their credentials themselves."),
        (r"(?:grant|revoke) .* on (?:datashare|model|external|copy job|rls)\b", "{0} ON {on}", _ALONE),
        (r"grant .* to (?:iam_role|namespace|account|rls)\b|revoke .* from (?:iam_role|namespace|account|rls)\b",
         "{0} to what PostgreSQL has not", _ALONE),
        (rf"(?:grant|revoke) .* for (?:{_SCOPED}) in ", "scoped permissions, {0} ... FOR {for} IN",
         "GRANT ... ON ALL TABLES IN SCHEMA and ALTER DEFAULT PRIVILEGES do it together."),
        (r"(?:grant|revoke) role sys : ", "a role of the name sys:...", "pg_monitor and its like are PostgreSQL's."),
        (rf"(?:grant|revoke) (?:admin option for )?(?:{_SYSTEM})(?: ,.*)? (?:to|from) ",
         "a system permission, {0} {1} {2}", "CREATEDB and CREATEROLE are PostgreSQL's."),
        (rf"(?:alter default privileges .*)?(?:grant|revoke) {_UNKNOWN} on ", "the privileges DROP, ALTER and SHARE",
         "The owner of an object has them in PostgreSQL."),
    )
)  # fmt: skip


def translate(tokens: list[Token]) -> list[Token]:
    """The statement as PostgreSQL takes it. Raises GatewayError for what is refused."""
    words = [_sign(t) for t in tokens if t.kind is not Kind.SPACE]
    if words[0] not in _COMMANDS:
        return tokens
    text = " ".join(words)
    for form, name, hint in _REFUSED:
        if found := form.match(text):
            after = {word: words[words.index(word) + 1].upper() for word in ("on", "for") if word in words[:-1]}
            called = name.format(*(w.upper() for w in words[:3]), **after)
            raise not_supported(called or found.group().upper(), hint)
    write = _WRITTEN.get(words[0]) or _WRITTEN.get(" ".join(words[:2]))
    return write(tokens) if write else tokens


def _sign(token: Token) -> str:
    return {Kind.STRING: "S", Kind.QUOTED: "N", Kind.NUMBER: "0", Kind.TEMP: "N"}.get(token.kind, token.word)


def _edited(tokens: list[Token], edit: Callable[[str, str, str], str | None]) -> list[Token]:
    """The tokens with each word replaced by what `edit` gives for the word before, itself and the one after."""
    places = [n for n, t in enumerate(tokens) if t.kind is not Kind.SPACE]
    words = ["", *(_sign(tokens[n]) for n in places), ""]
    result = list(tokens)
    for position, place in enumerate(places, 1):
        if (instead := edit(*words[position - 1 : position + 2])) is not None:
            result[place] = Token(Kind.WORD if instead else Kind.SPACE, instead or " ")
    return result


def _user(tokens: list[Token]) -> list[Token]:
    """CREATEUSER makes a superuser. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html"""
    if any(t.kind is Kind.STRING and literal(t).startswith("sha256|") for t in tokens):
        raise not_supported(
            "a password as a SHA-256 hash", "Give the password, or PostgreSQL's SCRAM-SHA-256 verifier."
        )

    def option(before: str, word: str, after: str) -> str | None:
        if before in ("user", "to", "group", "role"):  # a name
            return None
        written = {("password", "disable"): "null", ("limit", "unlimited"): "-1", ("access", "restricted"): ""}
        if (word, after) in (("syslog", "access"), ("access", "restricted")):
            return ""
        return {"createuser": "superuser", "nocreateuser": "nosuperuser"}.get(word, written.get((before, word)))

    return _edited(tokens, option)


def _limit(tokens: list[Token]) -> list[Token]:
    return _edited(tokens, lambda before, word, _: "-1" if (before, word) == ("limit", "unlimited") else None)


def _without_restrict(tokens: list[Token]) -> list[Token]:
    """RESTRICT is what PostgreSQL does there, but it has no word for it."""
    return _edited(tokens, lambda before, word, after: "" if word == "restrict" and before and not after else None)


def _grantees(tokens: list[Token]) -> list[Token]:
    """PostgreSQL grants to roles, without the word. (Where it stands alone `clauses` takes it away.)"""
    before_one = {",", "to", "from"}
    if next(t.word for t in tokens if t.kind is not Kind.SPACE) == "revoke":
        before_one.add("for")  # ADMIN OPTION FOR ROLE; ALTER DEFAULT PRIVILEGES FOR ROLE is PostgreSQL's own

    def role(before: str, word: str, after: str) -> str | None:
        listed = before in before_one and after not in (",", "to", "from", "with", "on", "")
        return "" if word == "role" and listed else None

    return _edited(tokens, role)


def _delete(tokens: list[Token]) -> list[Token]:
    """DELETE t is DELETE FROM t. https://docs.aws.amazon.com/redshift/latest/dg/r_DELETE.html"""
    return _edited(tokens, lambda before, word, after: None if before or after == "from" else f"{word} from")


_WRITTEN: Final = {  # by the first word of a statement, or its first two
    "create user": _user, "alter user": _user, "create database": _limit, "alter database": _limit,
    "alter default": _grantees, "grant": _grantees, "revoke": _grantees,
    "refresh": _without_restrict, "drop role": _without_restrict, "delete": _delete,
}  # fmt: skip
