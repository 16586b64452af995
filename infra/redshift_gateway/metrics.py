"""What the gateway counts, in Prometheus' words."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The gateway's metrics, in a registry of their own."""

    def __init__(self) -> None:
        """All start at nothing."""
        registry = self.registry = CollectorRegistry()
        ProcessCollector(registry=registry)  # memory, processor time, open files
        self.sessions = Gauge("redshift_gateway_sessions", "Sessions open now", registry=registry)
        self.certificate_expires = Gauge(
            "redshift_gateway_certificate_expires_timestamp_seconds",
            "When the certificate that clients see expires; 0 without TLS",
            registry=registry,
        )
        self.turned_away = Counter(
            "redshift_gateway_turned_away", "Connections closed at once, for there were too many", registry=registry
        )
        self.refused = Counter(
            "redshift_gateway_refused", "Statements the gateway refused", ["sqlstate"], registry=registry
        )
        self.copies = Counter(
            "redshift_gateway_copies", "COPY statements from S3", ["format", "outcome"], registry=registry
        )
        self.copy_bytes = Counter("redshift_gateway_copy_bytes", "CSV bytes sent to PostgreSQL", registry=registry)
        self.copy_seconds = Histogram(
            "redshift_gateway_copy_seconds",
            "Duration of COPY statements",
            buckets=_SECONDS,
            registry=registry,
        )
        self.unloads = Counter(
            "redshift_gateway_unloads", "UNLOAD statements", ["format", "outcome"], registry=registry
        )
        self.unload_bytes = Counter(
            "redshift_gateway_unload_bytes", "Bytes of rows taken from PostgreSQL for UNLOAD", registry=registry
        )
        self.unload_seconds = Histogram(
            "redshift_gateway_unload_seconds", "Duration of UNLOAD statements", buckets=_SECONDS, registry=registry
        )
        self.translation_seconds = Histogram(
            "redshift_gateway_translation_seconds",
            "Time spent translating statements that needed a look",
            buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.01, 0.1, 1),
            registry=registry,
        )
