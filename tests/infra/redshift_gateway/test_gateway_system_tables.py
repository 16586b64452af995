"""What the gateway remembers is bounded, and shows each user the rows of their own."""

import json
from typing import Any

from redshift_gateway.catalogue.system_tables import Origin, SystemTables, mentioned
from redshift_gateway.translation import functions


def test_the_newest_rows_are_kept() -> None:
    tables = SystemTables(kept=2)
    for number in range(3):
        tables.add("load_errors", Origin("ann", "dev"), {"line_number": number})
    assert [
        r["line_number"] for r in json.loads(tables.rows("load_errors", Origin("ann", "dev"), everything=False))
    ] == [
        1,
        2,
    ]


def test_a_user_sees_rows_of_their_own_and_a_superuser_all_of_the_database() -> None:
    tables = SystemTables()
    for user, database in (("ann", "dev"), ("bob", "dev"), ("ann", "other")):
        tables.add("load_errors", Origin(user, database), {})
    own = json.loads(tables.rows("load_errors", Origin("bob", "dev"), everything=False))
    assert [r["user_name"] for r in own] == ["bob"]
    assert len(json.loads(tables.rows("load_errors", Origin("bob", "dev"), everything=True))) == 2


def test_only_whole_names_are_mentions() -> None:
    assert mentioned(b"select * from STL_LOAD_ERRORS") == {"load_errors"}
    assert mentioned(b"select my_stl_load_errors") == set()


def test_the_views_are_there_and_empty(connection: Any) -> None:
    for view in ("stl_load_errors", "sys_load_error_detail", "pg_catalog.stl_load_errors"):
        assert connection.execute(
            f"select count(*) from {view} where filename like 'no such%'"
            if "stl" in view
            else f"select count(*) from {view} where file_name like 'no such%'"
        ).fetchone() == (0,)


def test_every_view_of_redshifts_name_is_known_to_the_translator(connection: Any) -> None:
    found = connection.execute("select viewname from pg_views where schemaname = 'redshift_gateway'").fetchall()
    views = {name for (name,) in found if name.startswith(("svv_", "svl_", "stl_", "sys_"))}
    assert views
    assert views == functions._CATALOGUE - {"pg_table_def"}
