"""One endpoint for Prometheus: the ledger's figures, and Airflow's own metrics, received over OTLP."""
