"""Create or migrate Airflow's metadata and its pools in one process: `python migrate.py POOLS`.

POOLS is a JSON object of pool names, each with its slots and description.
"""

import json
import sys


def main() -> None:
    """Do what `airflow db migrate` and `airflow pools set` do, at the cost of one import of Airflow."""
    from airflow.models.pool import Pool
    from airflow.utils.db import initdb

    initdb()
    for name, (slots, description) in json.loads(sys.argv[1]).items():
        Pool.create_or_update_pool(name=name, slots=slots, description=description, include_deferred=False)


if __name__ == "__main__":
    main()
