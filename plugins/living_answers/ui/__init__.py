"""What the library adds to Airflow's web UI."""
