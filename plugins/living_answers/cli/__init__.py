"""The `answers` command."""

import typer

from living_answers.cli import answers, platform, runs, site, verify

app = typer.Typer(
    name="answers",
    help="Run the platform and its answers.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    add_completion=False,
)
platform.register(app)
runs.register(app)
answers.register(app)
verify.register(app)
site.register(app)
