"""Who may look and who may run, by Airflow's own login and permissions.

Airflow does not guard a plugin's routes: the application asks for `may_read` on every one of them. Nothing here writes:
a run is triggered through Airflow's own API, which asks for the permission again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag

#: 401 without a login, 403 without read access to DAGs, or to the DAG that the path names.
may_read = requires_access_dag(method="GET")
#: The same for its runs, as Airflow's own API asks for before it tells of one.
may_read_runs = requires_access_dag(method="GET", access_entity=DagAccessEntity.RUN)


@dataclass(frozen=True)
class Visitor:
    """Whoever is logged in."""

    user: Any

    def readable(self, dag_ids: Collection[str]) -> set[str]:
        """Return those of the DAGs that the visitor may read."""
        allowed: set[str] = get_auth_manager().filter_authorized_dag_ids(dag_ids=set(dag_ids), user=self.user)
        return allowed

    def may_run(self, dag_id: str) -> bool:
        """Return whether Airflow's API would trigger this DAG for the visitor."""
        return bool(
            get_auth_manager().is_authorized_dag(
                method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=self.user
            )
        )


def visitor(user: GetUserDep) -> Visitor:
    """Return whoever sent the request."""
    return Visitor(user)


def login_address(then: str) -> str:
    """Return where to log in, and to come back from to ``then``."""
    return str(get_auth_manager().get_url_login(next_url=then))
