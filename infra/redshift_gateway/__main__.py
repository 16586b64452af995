"""The command: `redshift-gateway --postgres URL --s3-endpoint URL --port 5439`."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr

from redshift_gateway.log import Log, configure
from redshift_gateway.s3.objects import S3Settings
from redshift_gateway.server import operation, postgres_url
from redshift_gateway.server.gateway import Gateway, Settings
from redshift_gateway.tls import TlsSettings
from redshift_gateway.wire import MAX_STATEMENT

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_LISTENING, _STORAGE, _TLS, _LIMITS = "Listening", "PostgreSQL and S3", "TLS with clients", "Limits"
_MAX_PORT = 65_535


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _postgres(url: str) -> str:
    try:
        postgres_url.parse(url)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return url


def _endpoint(url: str) -> str:
    address = urlsplit(url)
    if address.scheme not in ("http", "https") or not address.hostname or "@" in address.netloc:
        raise typer.BadParameter("it must be like http://127.0.0.1:8333, without keys: statements bring their own")
    return url


@app.command()
def serve(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    postgres: Annotated[
        str,
        typer.Option(
            help="postgresql://HOST:PORT?sslmode=MODE&sslrootcert=FILE. Modes are libpq's: disable, prefer (default), "
            "require, verify-ca, verify-full. A database's name in it is ignored: each client names its own.",
            envvar="REDSHIFT_GATEWAY_POSTGRES",
            callback=_postgres,
            rich_help_panel=_STORAGE,
        ),
    ],
    s3_endpoint: Annotated[
        str,
        typer.Option(
            help="URL of the only S3 server that COPY and UNLOAD reach.",
            envvar="REDSHIFT_GATEWAY_S3_ENDPOINT",
            callback=_endpoint,
            rich_help_panel=_STORAGE,
        ),
    ],
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all.", rich_help_panel=_LISTENING)
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(min=0, max=_MAX_PORT, help="Port; 0 for any, which the log names.", rich_help_panel=_LISTENING),
    ] = 5439,
    metrics_port: Annotated[
        int,
        typer.Option(
            min=0,
            max=_MAX_PORT,
            help="Port of /metrics (Prometheus), /healthz and /readyz, at --host; 0 for none.",
            rich_help_panel=_LISTENING,
        ),
    ] = 0,
    max_sessions: Annotated[
        int, typer.Option(min=1, help="Sessions at once; more are refused.", rich_help_panel=_LIMITS)
    ] = 200,
    max_statement_bytes: Annotated[
        int, typer.Option(min=1, help="The longest statement; Redshift takes 16 MB.", rich_help_panel=_LIMITS)
    ] = MAX_STATEMENT,
    startup_seconds: Annotated[
        float, typer.Option(min=0.1, help="Time that a client has to say what it wants.", rich_help_panel=_LIMITS)
    ] = 10.0,
    grace_seconds: Annotated[
        float, typer.Option(min=0, help="Time that transactions have when the gateway stops.", rich_help_panel=_LIMITS)
    ] = 5.0,
    load_threads: Annotated[
        int, typer.Option(min=1, help="Threads that read and decode S3 objects.", rich_help_panel=_LIMITS)
    ] = 4,
    role_access_key: Annotated[
        str,
        typer.Option(
            help="S3 key of statements that name an IAM role.",
            envvar="REDSHIFT_GATEWAY_ROLE_ACCESS_KEY",
            show_default=False,
            rich_help_panel=_STORAGE,
        ),
    ] = "",
    role_secret_key: Annotated[
        str,
        typer.Option(
            help="Its secret: give it by the environment, as other users of the machine see a command's options.",
            envvar="REDSHIFT_GATEWAY_ROLE_SECRET_KEY",
            show_default=False,
            rich_help_panel=_STORAGE,
        ),
    ] = "",
    tls_certificate: Annotated[
        Path | None, typer.Option(help="The server's certificate (PEM).", rich_help_panel=_TLS)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Its private key; by default in the same file.", rich_help_panel=_TLS)
    ] = None,
    tls_self_signed: Annotated[
        bool,
        typer.Option(
            help="A certificate of the gateway's own, kept at --tls-certificate if that is given.", rich_help_panel=_TLS
        ),
    ] = False,
    tls_required: Annotated[
        bool, typer.Option(help="Refuse sessions that are not encrypted.", rich_help_panel=_TLS)
    ] = False,
    log_level: Annotated[LogLevel, typer.Option(help="Of the JSON lines on standard error.")] = LogLevel.INFO,
) -> None:
    """Serve Amazon Redshift's protocol and SQL in front of a PostgreSQL.

    SIGTERM stops listening and gives transactions --grace-seconds; a second one ends them. SIGHUP reads certificates
    again. Exit codes: 0 stopped by a signal, 1 could not start (the last line of the log says why), 2 wrong options.
    """
    configure(log_level)
    postgres_host, postgres_port, postgres_tls = postgres_url.parse(postgres)
    settings = Settings(
        postgres_host,
        postgres_port,
        S3Settings(s3_endpoint, role_access_key=SecretStr(role_access_key), role_secret_key=SecretStr(role_secret_key)),
        host=host,
        port=port,
        max_sessions=max_sessions,
        max_statement_bytes=max_statement_bytes,
        startup_seconds=startup_seconds,
        load_threads=load_threads,
        tls=TlsSettings(tls_certificate, tls_key, tls_self_signed, tls_required),
        postgres_tls=postgres_tls,
    )
    try:
        asyncio.run(operation.run(Gateway(settings), metrics_port, grace_seconds))
    except (OSError, ValueError) as error:  # a port that is taken, a certificate that does not fit
        Log().error("cannot_start", reason=str(error))
        raise typer.Exit(1) from None


def main() -> None:
    """Entry point of the console script."""
    app()


if __name__ == "__main__":
    main()
