"""stl_query and its kin: what has run, whose it was, and never a credential."""

from typing import Any

import psycopg
import pytest

from redshift_gateway.catalogue.history import without_secrets


@pytest.mark.parametrize(
    "clause",
    [
        "credentials 'aws_access_key_id=AK;aws_secret_access_key=SECRET'",
        "with credentials as 'aws_iam_role=SECRET'",
        "ACCESS_KEY_ID 'SECRET' secret_access_key 'SEC''RET' session_token E'SECRET",
        "iam_role 'SECRET' csv",
        "password 'SECRET'",
        "password'SECRET'",
        "iam_role/**/'SECRET'",
        "secret_access_key /* c */ 'SECRET'",
        "secret_access_key -- c\n 'SECRET'",
        "secret_access_key as $$SECRET$$ csv",
        "password $x$SEC$y$RET$x$",
        "password $$SECRET",
        "password E'SE\\'SECRET' csv",
        "password U&'SECRET'",
        "master_symmetric_key 'SECRET' encrypted",
        "credentials $$aws_access_key_id=SECRET;aws_secret_access_key=SECRET;token=SECRET$$",
    ],
)
def test_no_credential_is_remembered(clause: str) -> None:
    said = without_secrets(f"copy t from 's3://lake/x' {clause}")
    assert "SEC" not in said
    assert "AK" not in said.replace("AKE", "")
    assert said.startswith("copy t from 's3://lake/x' ")


def test_what_has_run_is_listed(redshift: Any) -> None:
    with redshift.connect(autocommit=True) as connection:
        connection.execute("select 'marked one'")
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("select 1 / 0 as marked")
        connection.execute("select %s::int as marked", (7,))
        rows = connection.execute(
            "select pid, trim(querytxt), aborted from stl_query "
            "where querytxt like '%marked%' and querytxt not like '%stl_query%' order by query"
        ).fetchall()
        assert [r[1:] for r in rows] == [
            ("select 'marked one'", 0),
            ("select 1 / 0 as marked", 1),
            ("select $1::int as marked", 0),
        ]
        assert {r[0] for r in rows} == {connection.info.backend_pid}
        status = connection.execute(
            "select query_type, status from sys_query_history where query_text = 'select 1 / 0 as marked'"
        ).fetchone()
        assert status == ("SELECT", "failed")
