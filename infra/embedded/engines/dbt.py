"""dbt with its adapters for Redshift and PostgreSQL: a program that DAGs call."""

from collections.abc import Mapping

from embedded.engine import Engine, Progress
from embedded.tool_venv import ToolVenv


class Dbt(Engine):
    """In a venv of its own: it pins an older redshift-connector, and much else, against Airflow's."""

    name = "dbt"
    what = "dbt-core with dbt-redshift and dbt-postgres"

    def fetched(self) -> bool:
        """Look for the venv."""
        return ToolVenv("dbt", self.cache).made()

    def fetch(self, progress: Progress) -> None:
        """Make the venv."""
        ToolVenv("dbt", self.cache).make(progress)

    def settings(self, ports: Mapping[str, int]) -> dict[str, str]:
        """Tell where the venv is."""
        return {"venv": str(ToolVenv("dbt", self.cache).folder)}


ENGINE = Dbt
