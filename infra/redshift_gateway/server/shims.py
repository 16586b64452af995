"""Installs the functions and views of `shims/*.sql` where they are missing or of another version."""

import hashlib
from importlib.resources import files

from redshift_gateway.log import Log
from redshift_gateway.server.backend import Backend
from redshift_gateway.statements.lexer import quote_literal
from redshift_gateway.translation.functions import SCHEMA

_LOCK = 5439_8002  # an advisory lock, so that two first sessions do not install at once
_FILES = (  # in this order
    "base.sql",
    "dates.sql",
    "loads.sql",
    "tables.sql",
    "append.sql",
    "functions.sql",
    "patterns.sql",
    "numbers.sql",
    "hashes.sql",
    "catalogue.sql",
    "history.sql",
    "known_values.sql",
    "super.sql",
)
SCRIPT = "\n".join(files("redshift_gateway").joinpath("shims", name).read_text() for name in _FILES)
_READ_SO = "set local standard_conforming_strings = on;"  # whatever the client has
_VERSION = "Redshift gateway " + hashlib.sha256(SCRIPT.encode()).hexdigest()[:16]
_INSTALLED = "select pg_catalog.obj_description(pg_catalog.to_regnamespace($1), 'pg_namespace')"


def install_script() -> str:
    """The statements that install the shims, as one transaction."""
    mark = f"comment on schema {SCHEMA} is {quote_literal(_VERSION)}"
    return f"begin; {_READ_SO} select pg_catalog.pg_advisory_xact_lock({_LOCK}); {SCRIPT}; {mark}; commit"


async def ensure(backend: Backend, log: Log) -> None:
    """Makes sure that the session's database has the shims. A role that may not create them goes on without."""
    if await backend.ask(_INSTALLED, SCHEMA) == [[_VERSION]]:
        return
    if error := await backend.run_script(install_script()):
        await backend.run_script("rollback")
        log.warning("shims_not_installed", error=error)
    else:
        log.info("shims_installed", version=_VERSION)
