"""docker-compose.yml against the code.

No Docker engine is needed: each service, port, volume, variable, command and module that the file names is looked up
where it lives.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?::\?[^}]*)?\}")
SECRET = re.compile(r"PASSWORD|SECRET|TOKEN|FERNET|ACCESS_KEY")


@cache
def text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@cache
def document() -> dict[str, Any]:
    """Return the file as Compose reads it, with `<NAME>` where it says `${NAME}`: so a check sees where secrets go."""
    return yaml.safe_load(VARIABLE.sub(r"<\g<name>>", text()).replace("$$", "$"))


SERVICES: dict[str, dict[str, Any]] = document()["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}


def words(service: dict[str, Any]) -> list[str]:
    return " ".join(service.get("command", [])).replace("\\\n", " ").split()


def environment(name: str) -> dict[str, str]:
    return SERVICES[name].get("environment", {})


def ports(name: str) -> set[int]:
    """Return the ports on which a service answers, as its health check, its command and its published ports say."""
    service = SERVICES[name]
    asked = re.findall(r"(?:localhost[:/]|port=)(\d+)", json.dumps(service.get("healthcheck", {})))
    told = re.findall(r"-?-port[= ](\d+)", " ".join(words(service)))
    published = [entry.rsplit(":", 1)[1] for entry in service.get("ports", [])]
    known = {"postgres": ["5432"], "valkey": ["6379"]}.get(name, [])  # the images' own
    return {int(port) for port in [*asked, *told, *published, *known]}


def networks(name: str) -> set[str]:
    return set(SERVICES[name].get("networks", ["default"]))


def addresses(name: str) -> set[tuple[str, int]]:
    """Return every host and port that a service is told to talk to."""
    told = json.dumps([SERVICES[name].get("command", []), environment(name)]).replace('\\"', '"')
    in_urls = re.findall(r"(?:://|@|-filer=)([a-z][a-z0-9-]*):(\d+)", told)
    in_connections = re.findall(r'"host": "([a-z0-9-]+)", "port": (\d+)', told)
    return {(host, int(port)) for host, port in [*in_urls, *in_connections] if host != "localhost"}


def make_env() -> dict[str, Any]:
    specification = importlib.util.spec_from_file_location("make_env", ROOT / "infra/docker/make_env.py")
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return vars(module)


def test_follows_the_compose_schema() -> None:
    command = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run([*command, ROOT / "docker-compose.yml"], capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr


def test_compose_itself_accepts_it(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True, timeout=60).returncode:
        pytest.skip("this machine has no docker compose")
    make_env()["write"](tmp_path / ".env")
    command = [
        docker,
        "compose",
        "--env-file",
        tmp_path / ".env",
        "-f",
        ROOT / "docker-compose.yml",
        "config",
        "--quiet",
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def test_the_parts_that_were_asked_for_are_there() -> None:
    wanted = {"postgres", "valkey", "s3", "moto", "gateway", "flights-api", "metrics", "spark-master", "spark-worker"}
    wanted |= {"spark-connect", "prometheus", "alertmanager", "grafana"}
    wanted |= {f"airflow-{part}" for part in ("api-server", "scheduler", "dag-processor", "triggerer", "worker")}
    assert wanted <= SERVICES.keys()
    assert SERVICES["airflow-worker"]["deploy"]["replicas"] >= 2
    assert SERVICES["spark-worker"]["deploy"]["replicas"] == 2
    assert environment("airflow-worker")["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_every_variable_is_made_by_the_script_and_has_no_default() -> None:
    required = set(re.findall(r"\$\{(\w+):\?", text()))
    assert {match["name"] for match in VARIABLE.finditer(text())} == required
    assert required == make_env()["VARIABLES"].keys()
    assert "${" not in VARIABLE.sub("", text()).replace("$${", "")


@pytest.mark.parametrize("name", SERVICES)
def test_every_secret_comes_from_a_variable(name: str) -> None:
    for key, value in environment(name).items():
        if SECRET.search(key) and not key.endswith("_FILE"):
            assert re.search(r"<\w+>", value), f"{name}: {key} is a literal"
    assert not re.search(r"<\w*(PASSWORD|SECRET|TOKEN|KEY)\w*>", " ".join(words(SERVICES[name]))), "a secret in argv"


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - OURS.keys()))
def test_foreign_images_are_pinned(name: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_only_loopback_is_published_and_no_port_twice(name: str) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", entry) for entry in SERVICES[name].get("ports", []))
    every = [entry.split(":")[1] for service in SERVICES.values() for entry in service.get("ports", [])]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("name", SERVICES)
def test_it_stays_up_and_says_whether_it_is_well(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "on-failure:5":  # runs once
        waiting = [other.get("depends_on", {}).get(name, {}).get("condition") for other in SERVICES.values()]
        assert "service_completed_successfully" in waiting
    else:
        assert service["restart"] == "unless-stopped"
        assert {"test", "interval", "timeout", "retries"} <= service["healthcheck"].keys()


@pytest.mark.parametrize("name", SERVICES)
def test_what_it_waits_for_and_talks_to_is_there(name: str) -> None:
    assert SERVICES[name].get("depends_on", {}).keys() <= SERVICES.keys()
    for host, port in addresses(name):
        assert host in SERVICES, f"{name} talks to {host}, which is no service"
        assert port in ports(host), f"{name} talks to {host}:{port}, which listens on {ports(host)}"
        assert networks(name) & networks(host), f"{name} and {host} share no network"


def test_what_asks_for_no_key_is_on_networks_of_its_own() -> None:
    assert document()["networks"]["store"] == document()["networks"]["spark"] == {"internal": True}
    assert [name for name in SERVICES if "store" in networks(name)] == ["s3-store", "s3"]
    on_spark = {name for name in SERVICES if "spark" in networks(name)}
    assert on_spark == {"airflow-worker", "spark-master", "spark-worker", "spark-connect"}
    assert not any(SERVICES[name].get("ports") for name in on_spark)


@pytest.mark.parametrize("name", SERVICES)
def test_every_mount_exists(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        source = mount.split(":")[0]
        found = (ROOT / source).exists() if source.startswith("./") else source in document()["volumes"]
        assert found, f"{name}: {mount}"


def test_every_volume_is_used_and_ours_may_be_written() -> None:
    mounts = [(name, mount.split(":")) for name, service in SERVICES.items() for mount in service.get("volumes", [])]
    assert {mount[0] for _, mount in mounts if not mount[0].startswith("./")} == document()["volumes"].keys()
    dockerfile = (ROOT / "infra/docker/Dockerfile").read_text()
    # A named volume takes its owner from the folder in the image: without one it belongs to root.
    assert all(mount[1] in dockerfile for name, mount in mounts if name in OURS)


def modules() -> list[tuple[str, str, frozenset[str]]]:
    """Return service, module and options of each `python -m MODULE --option` in the file."""
    found = []
    for name, service in OURS.items():
        line = words(service)
        for start in (index for index, word in enumerate(line) if word == "-m"):
            options = frozenset(word for word in line[start + 2 :] if word.startswith("--"))
            found.append((name, line[start + 1], options))
    return found


@pytest.mark.parametrize(("name", "module", "options"), modules())
def test_every_module_exists_and_knows_its_options(name: str, module: str, options: frozenset[str]) -> None:
    assert importlib.util.find_spec(module), f"{name} runs {module}, which does not exist"
    if options:
        command = [sys.executable, "-m", module, "--help"]
        environ = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "TERM": "dumb"}
        shown = subprocess.run(command, capture_output=True, text=True, timeout=90, cwd=ROOT, env=environ).stdout
        assert options <= set(re.findall(r"--[\w-]+", shown)), f"{name}: {module} knows only {shown}"


@pytest.mark.parametrize("name", OURS)
def test_every_program_comes_with_the_image(name: str) -> None:
    program = OURS[name]["command"][0]
    assert program == "bash" or (Path(sys.executable).parent / program).exists()
    for file in (word for word in words(OURS[name]) if word.startswith("infra/")):
        assert (ROOT / file).is_file()


def test_every_airflow_setting_exists() -> None:
    from airflow.configuration import conf

    for key in environment("airflow-api-server"):
        if match := re.fullmatch(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", key):
            section, option = (part.lower() for part in match.groups())
            known = conf.configuration_description.get(section, {}).get("options", {})
            assert option in known, f"Airflow has no [{section}] {option}"


def test_airflow_gets_the_connections_that_embedded_mode_gives_it() -> None:
    names = re.compile(r'"((?:AIRFLOW_(?:CONN|VAR)|LIVING_ANSWERS)_\w+)":')
    embedded = set(names.findall((ROOT / "infra/embedded/connections.py").read_text()))
    here = {key for key in environment("airflow-worker") if re.match(r"AIRFLOW_(CONN|VAR)_|LIVING_ANSWERS_", key)}
    assert here == embedded - {"LIVING_ANSWERS_FAILPOINTS"}  # nobody kills a container's process by a file


@pytest.mark.parametrize("key", [key for key in environment("airflow-worker") if key.startswith("AIRFLOW_CONN_")])
def test_airflow_reads_each_connection(key: str) -> None:
    from airflow.sdk import Connection

    value = environment("airflow-worker")[key]
    connection = Connection.from_json(value) if value.startswith("{") else Connection.from_uri(value, conn_id="x")
    assert connection.host or json.loads(connection.extra or "{}")["endpoint_url"]


def test_the_pool_is_the_one_of_embedded_mode() -> None:
    from embedded.airflow_database import POOLS

    line = words(SERVICES["airflow-init"])
    start = line.index("pools")
    assert {line[start + 2]: int(line[start + 3])} == {name: slots for name, (slots, _) in POOLS.items()}


def test_the_flights_api_knows_its_settings() -> None:
    from flights_api.settings import Settings

    told = {key.removeprefix("FLIGHTS_API_").lower() for key in environment("flights-api")}
    assert told <= Settings.model_fields.keys()


def test_prometheus_scrapes_and_alerts_where_the_services_are() -> None:
    folder = ROOT / "infra/prometheus"
    told = yaml.safe_load((folder / "prometheus.yml").read_text())
    groups = [group for job in told["scrape_configs"] for group in job["static_configs"]]
    for file in folder.glob("targets/*.yml"):
        groups += yaml.safe_load(file.read_text())
    addressed = {tuple(target.split(":")) for group in groups for target in group["targets"]}
    assert {host for host, _ in addressed} == {"metrics", "gateway", "alertmanager"}
    assert all(int(port) in ports(host) for host, port in addressed)


def test_grafana_finds_its_dashboards_and_prometheus() -> None:
    folder = ROOT / "infra/grafana/provisioning"
    providers = [yaml.safe_load(file.read_text())["providers"] for file in folder.glob("dashboards/*.y*ml")]
    mounted = {mount.split(":")[1] for mount in SERVICES["grafana"]["volumes"]}
    assert [provider["options"]["path"] in mounted for group in providers for provider in group] == [True]
    sources = [yaml.safe_load(file.read_text())["datasources"] for file in folder.glob("datasources/*.y*ml")]
    assert [source["url"] for group in sources for source in group] == ["http://prometheus:9090"]
