"""SET, SHOW and RESET of the parameters that only Redshift has, where they do not change what a statement means.

They are kept as settings of PostgreSQL's, under the gateway's prefix. Those that would change a meaning are taken with
the value that is so here, and refused with another. PostgreSQL refuses the rest by name.
https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_ConfigurationRef.html
"""

from typing import Final

from redshift_gateway.errors import not_supported
from redshift_gateway.statements.lexer import Kind, Token, join, literal, quote_literal, significant

_PREFIX: Final = "redshift_gateway"
_WITHOUT_EFFECT: Final = {  # with their defaults
    "analyze_threshold_percent": "10", "enable_result_cache_for_session": "on", "enable_vacuum_boost": "off",
    "max_concurrency_scaling_clusters": "1", "mv_enable_aqmv_for_session": "on", "query_group": "default",
    "wlm_query_slot_count": "1",
}  # fmt: skip
_AS_IT_IS: Final = {
    "describe_field_name_in_uppercase": "off", "enable_case_sensitive_identifier": "on",
    "error_on_nondeterministic_update": "off",
    # https://docs.aws.amazon.com/redshift/latest/dg/super-configurations.html
    "navigate_super_null_on_error": "on", "cast_super_null_on_error": "on", "parse_super_null_on_error": "off",
    "json_parse_dedup_attributes": "on", "json_parse_truncate_strings": "off",
    "enable_case_sensitive_super_attribute": "off",
}  # fmt: skip
_PARSED_SO: Final = {"standard_conforming_strings": "on"}  # PostgreSQL's own: the gateway reads texts so
_VALUES: Final = {"true": "on", "on": "on", "1": "on", "false": "off", "off": "off", "0": "off", "default": "off"}
WORDS: Final = frozenset(_WITHOUT_EFFECT) | frozenset(_AS_IT_IS) | frozenset(_PARSED_SO)


def translate(tokens: list[Token]) -> str:
    """The statement for PostgreSQL; nothing if it is not about such a parameter. Raises GatewayError."""
    found = significant(tokens)
    place = 2 if found[1:] and found[1].word in ("session", "local") else 1
    name = found[place].word if found[place:] else ""
    if found[0].word not in ("set", "show", "reset") or name not in WORDS:
        return ""
    if found[0].word == "set" and name in _AS_IT_IS | _PARSED_SO:
        _check(name, found[-1])
    if name in _PARSED_SO:
        return ""
    if found[0].word == "show":
        default = quote_literal((_WITHOUT_EFFECT | _AS_IT_IS)[name])
        current = (
            f"nullif(pg_catalog.current_setting('{_PREFIX}.{name}', true), '')" if name in _WITHOUT_EFFECT else "null"
        )
        return f"select coalesce({current}, {default})::pg_catalog.varchar as {name}"
    at = next(n for n, token in enumerate(tokens) if token is found[place])
    return join([*tokens[:at], Token(Kind.WORD, f"{_PREFIX}.{name}"), *tokens[at + 1 :]])


def _check(name: str, value: Token) -> None:
    said = (literal(value) if value.kind is Kind.STRING else value.text).lower()
    needed = (_AS_IT_IS | _PARSED_SO)[name]
    if _VALUES.get(said) != needed:
        raise not_supported(f"{name} with another value than {needed}")
