"""The environment as people have it: local work needs none of the network's settings, and empty means unset."""

import io
import os

import httpx
import pytest

from ganbench.flows.cli import write_utf8
from ganbench.tasks.settings import configure, settings
from tests.refusals import refused

NETWORK = ("NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy",
           "SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What a test or `configure` sets is gone afterwards."""
    for name in NETWORK:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize("known", [None, "", "intranet.example", "127.0.0.1,other", "*"])
def test_servers_of_this_machine_are_reached_without_a_proxy(environment, known):
    environment.setenv("ALL_PROXY", "http://127.0.0.1:9")
    if known is not None:
        environment.setenv("NO_PROXY", known)
    configure()
    for name in ("NO_PROXY", "no_proxy"):
        hosts = os.environ[name].split(",")
        assert {"localhost", "127.0.0.1", "::1"} <= set(hosts)
        assert len(hosts) == len(set(hosts))
    assert set(filter(None, (known or "").split(","))) <= set(os.environ["NO_PROXY"].split(","))
    with httpx.Client() as client:
        mounted = client._transport_for_url(httpx.URL("http://127.0.0.1:4200"))
        assert mounted is client._transport
    assert os.environ["ALL_PROXY"] == "http://127.0.0.1:9"      # for downloads


@pytest.mark.parametrize(("name", "value"), [
    ("ALL_PROXY", "socks5://127.0.0.1:9"), ("https_proxy", "SOCKS4://127.0.0.1:9"), ("SSL_CERT_FILE", "/nowhere.pem"),
    ("SSL_CERT_DIR", "/nowhere"),
])
def test_what_would_stop_the_client_of_prefect_is_left_out(environment, name, value):
    environment.setenv(name, value)
    configure()
    httpx.Client().close()                                      # raised before
    assert name not in os.environ


def test_certificates_that_exist_are_kept(environment, tmp_path):
    environment.setenv("SSL_CERT_DIR", str(tmp_path))
    configure()
    assert os.environ["SSL_CERT_DIR"] == str(tmp_path)


@pytest.mark.parametrize("name", ["GANBENCH_WORKERS", "GANBENCH_BATCH_SIZE", "GANBENCH_DEVICE", "GANBENCH_DATA",
                                  "GANBENCH_EXTRACTOR_WEIGHTS", "MLFLOW_TRACKING_URI", "GANBENCH_TRACKING_URI"])
def test_an_empty_variable_is_an_unset_one(environment, name):
    environment.delenv(name, raising=False)
    expected = configure().model_dump()
    environment.setenv(name, "")
    assert configure().model_dump() == expected


def test_an_empty_home_is_the_usual_one(environment):
    environment.setenv("GANBENCH_HOME", "")
    configure()
    assert str(settings().home) == "~/.ganbench"


@pytest.mark.parametrize("name", ["PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_HOME"])
def test_prefect_does_not_see_its_empty_variables(environment, name):
    environment.setenv(name, " ")
    configure()
    assert os.environ.get(name, "x").strip()


@pytest.mark.parametrize(("name", "value"), [("WORKERS", "many"), ("BATCH_SIZE", "0"), ("EXTRACTOR_WEIGHTS", "{")])
def test_a_value_that_cannot_be_names_its_variable(environment, name, value):
    environment.setenv(f"GANBENCH_{name}", value)
    with refused("unfit-setting", f"GANBENCH_{name}"):
        configure()


@pytest.mark.parametrize(("encoding", "expected"), [("ascii", "utf-8"), ("latin-1", "utf-8"), ("utf-8", "utf-8")])
def test_what_a_locale_cannot_write_is_written_as_utf8(environment, encoding, expected):
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    environment.setattr("sys.stdout", streams[0])
    environment.setattr("sys.stderr", streams[1])
    write_utf8()
    assert [stream.encoding for stream in streams] == [expected] * 2
    print("0.048 ± 0.002 ≤ ★")
