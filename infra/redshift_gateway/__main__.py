"""The command: `redshift-gateway --postgres URL --s3-endpoint URL --port 5439`."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from prometheus_client import start_http_server
from pydantic import SecretStr

from redshift_gateway.log import Log, configure
from redshift_gateway.objects import S3Settings
from redshift_gateway.server import Gateway, Settings
from redshift_gateway.tls import TlsSettings
from redshift_gateway.wire import MAX_STATEMENT

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def serve(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    postgres: Annotated[
        str, typer.Option(help="URL of PostgreSQL: host and port.", envvar="REDSHIFT_GATEWAY_POSTGRES")
    ],
    s3_endpoint: Annotated[str, typer.Option(help="URL of the S3 server.", envvar="REDSHIFT_GATEWAY_S3_ENDPOINT")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 5439,
    metrics_port: Annotated[int, typer.Option(help="Port of the Prometheus metrics; 0 for none.")] = 0,
    max_sessions: Annotated[int, typer.Option(help="Sessions at once; more are refused.")] = 200,
    max_statement_bytes: Annotated[
        int, typer.Option(help="The longest statement; Redshift takes 16 MB.")
    ] = MAX_STATEMENT,
    startup_seconds: Annotated[float, typer.Option(help="Time that a client has to say what it wants.")] = 10.0,
    grace_seconds: Annotated[float, typer.Option(help="Time that sessions have to end when the gateway stops.")] = 5.0,
    load_threads: Annotated[int, typer.Option(help="Threads that read and decode S3 objects.")] = 4,
    role_access_key: Annotated[str, typer.Option(envvar="REDSHIFT_GATEWAY_ROLE_ACCESS_KEY", show_default=False)] = "",
    role_secret_key: Annotated[str, typer.Option(envvar="REDSHIFT_GATEWAY_ROLE_SECRET_KEY", show_default=False)] = "",
    tls_certificate: Annotated[Path | None, typer.Option(help="The server's certificate (PEM), for TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key; by default in the same file.")] = None,
    tls_self_signed: Annotated[
        bool,
        typer.Option(help="TLS with a certificate of the gateway's own, kept at --tls-certificate if that is given."),
    ] = False,
    tls_required: Annotated[bool, typer.Option(help="Refuse sessions that are not encrypted.")] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Serve Amazon Redshift's protocol and SQL in front of a PostgreSQL.

    The role keys, best given by the environment, are what S3 sees when a statement names an IAM role.
    """
    configure(log_level)
    address = urlsplit(postgres)
    settings = Settings(
        postgres_host=address.hostname or "127.0.0.1",
        postgres_port=address.port or 5432,
        s3=S3Settings(
            s3_endpoint, role_access_key=SecretStr(role_access_key), role_secret_key=SecretStr(role_secret_key)
        ),
        host=host,
        port=port,
        max_sessions=max_sessions,
        max_statement_bytes=max_statement_bytes,
        startup_seconds=startup_seconds,
        load_threads=load_threads,
        tls=TlsSettings(tls_certificate, tls_key, tls_self_signed, tls_required),
    )
    asyncio.run(_run(Gateway(settings), metrics_port, grace_seconds))


async def _run(gateway: Gateway, metrics_port: int, grace: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if metrics_port:
        start_http_server(metrics_port, gateway.settings.host, gateway.metrics.registry)
    port = await gateway.start()
    Log().info("listening", host=gateway.settings.host, port=port)
    await stop.wait()
    Log().info("stopping")
    await gateway.stop(grace)


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
