"""Rules of the house that no single test of behaviour would notice."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from services.console.app import create_app as console_app
from services.console.settings import ConsoleSettings
from services.ingest.app import create_app as ingest_app
from services.ingest.settings import IngestSettings
from services.responder.app import create_app as responder_app
from services.responder.settings import ResponderSettings
from services.scoring.app import create_app as scoring_app
from services.scoring.settings import ScoringSettings
from services.writeback.settings import WritebackSettings
from shared.auth.scopes import SCOPES
from shared.http import PUBLIC, authorization_rule
from shared.settings import CommonSettings

ROOT = Path(__file__).parent.parent
SERVICES = sorted(path.name for path in (ROOT / "services").iterdir() if (path / "__init__.py").exists())
SETTINGS = (IngestSettings, ScoringSettings, ResponderSettings, ConsoleSettings, WritebackSettings)
COMMON = {
    "database_url": "postgresql://nobody@127.0.0.1:1/none",
    "kafka_bootstrap_servers": "127.0.0.1:1",
    "token_secret": "x" * 32,
}
# Anyone may call these: they say nothing of any lead, or carry a signature of their own.
OPEN_TO_ALL = {
    "ingest": {
        "healthz",
        "readyz",
        "metrics",
        "openapi",
        "docs",
        "docs_style",
        "asyncapi",
        "ingest.webhook",
        "ingest.webhook_address",
    },
    "scoring": {"healthz", "readyz", "metrics", "openapi", "docs", "docs_style"},
    "responder": {"healthz", "readyz", "metrics", "openapi", "docs", "docs_style"},
}


def python_files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=str() as module, level=0):
                yield module


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_no_other_service(service: str) -> None:
    others = tuple(f"services.{other}" for other in SERVICES if other != service)
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in python_files(ROOT / "services" / service)
        for module in imported(path)
        if module.startswith((*others, "deploy", "tests"))
    ]
    assert not wrong


def test_shared_imports_no_service() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in python_files(ROOT / "shared")
        for module in imported(path)
        if module.startswith(("services", "deploy", "tests"))
    ]
    assert not wrong


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_no_other_services_schema(service: str) -> None:
    others = "|".join((*(other for other in SERVICES if other != service), "auth"))
    foreign = re.compile(rf"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:{others})\.\w", re.IGNORECASE)
    wrong = [
        str(path.relative_to(ROOT))
        for pattern in ("*.sql", "*.py")
        for path in (ROOT / "services" / service).rglob(pattern)
        if foreign.search(path.read_text(encoding="utf-8"))
    ]
    assert not wrong


def apps() -> dict[str, Flask]:
    return {
        "ingest": ingest_app(IngestSettings(**COMMON)),
        "scoring": scoring_app(ScoringSettings(**COMMON)),
        "responder": responder_app(ResponderSettings(**COMMON)),
        "console": console_app(ConsoleSettings(**COMMON)),
    }


def test_every_route_of_every_service_has_an_authorization_rule() -> None:
    without = [
        f"{name}: {rule.rule}"
        for name, app in apps().items()
        for rule in app.url_map.iter_rules()
        if authorization_rule(app, rule.endpoint) is None
    ]
    assert not without


def test_only_the_listed_routes_are_open_to_all_and_the_scopes_exist() -> None:
    for name, app in apps().items():
        if name == "console":
            continue
        rules = {rule.endpoint: authorization_rule(app, rule.endpoint) for rule in app.url_map.iter_rules()}
        assert {endpoint for endpoint, rule in rules.items() if rule == PUBLIC} == OPEN_TO_ALL[name]
        assert {rule for rule in rules.values() if rule != PUBLIC} <= SCOPES.keys()


def test_every_setting_says_what_it_is_and_stands_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    fields = {
        name: field
        for settings in (CommonSettings, *SETTINGS)
        for name, field in settings.model_fields.items()
    }
    assert not [name for name, field in fields.items() if not field.description]
    assert not [name.upper() for name in fields if f"`{name.upper()}`" not in readme]
