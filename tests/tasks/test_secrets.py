"""Passwords in addresses: used, and never said."""

import pytest

from ganbench.tasks.settings import configure, settings, without_user
from ganbench.tasks.tracking.client import failed, page_of_scores, tracked, unreachable
from tests.refusals import refused

SECRET = "canary-0815"


@pytest.mark.parametrize(("address", "said"), [
    (f"postgresql://ganbench:{SECRET}@host:5432/mlflow", "postgresql://host:5432/mlflow"),
    (f"http://me:{SECRET}@host:5000", "http://host:5000"),
    ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
    ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
])
def test_an_address_is_said_without_its_user(address, said):
    assert without_user(address) == said


@pytest.mark.parametrize("text", ["cannot connect to {address}", "password {secret} was refused"])
def test_what_a_database_says_is_repeated_without_the_password(text):
    address = f"postgresql://ganbench:{SECRET}@127.0.0.1:1/mlflow"
    configure(tracking_uri=address)
    said = failed(OSError(text.format(address=address, secret=SECRET)))
    assert SECRET not in said
    assert "postgresql://127.0.0.1:1/mlflow" in said
    assert settings().tracking == address


def test_links_and_problems_of_a_server_with_a_password_do_not_show_it():
    configure(tracking_uri=f"http://me:{SECRET}@127.0.0.1:1")
    run = tracked("1", "abc", new=True)
    for said in (unreachable(settings().tracking), run.url, run.picture, page_of_scores()):
        assert "127.0.0.1:1" in said
        assert SECRET not in said


def test_a_mirror_with_a_password_is_refused_without_repeating_it(monkeypatch):
    monkeypatch.setenv("GANBENCH_MIRROR", f"s3://key:{SECRET}@bucket")
    with refused("unfit-setting", "GANBENCH_MIRROR") as error:
        configure()
    assert SECRET not in str(error.value)
