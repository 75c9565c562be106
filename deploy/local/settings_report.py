"""All settings of all services: their names, and where each value comes from."""

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

import services
from shared.settings import CommonSettings

SECRET_WORDS = ("secret", "password", "token", "api_key")


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting as it stands. `value` is never a secret's; `origin` says where it comes from."""

    name: str
    value: str
    origin: str
    description: str


def settings_classes() -> Iterator[type[CommonSettings]]:
    """The settings class of each service that has one."""
    for module in pkgutil.iter_modules(services.__path__):
        name = f"services.{module.name}.settings"
        if module.ispkg and importlib.util.find_spec(name):
            for value in vars(importlib.import_module(name)).values():
                if isinstance(value, type) and issubclass(value, CommonSettings) and value.__module__ == name:
                    yield value


def fields() -> dict[str, FieldInfo]:
    """Every setting, by the name of its variable."""
    found = {name.upper(): field for name, field in CommonSettings.model_fields.items()}
    for settings_class in settings_classes():
        found |= {name.upper(): field for name, field in settings_class.model_fields.items()}
    return found


def is_secret(name: str, field: FieldInfo) -> bool:
    """Whether the value must never be shown."""
    typed = field.annotation is SecretStr or SecretStr in get_args(field.annotation)
    return typed or any(word in name.lower() for word in SECRET_WORDS)


def report(
    known: Mapping[str, FieldInfo], *, caller: Mapping[str, str], installed: Mapping[str, str]
) -> list[Setting]:
    """Each setting with its value and origin: the environment, a file, the installation, or the default."""
    rows = []
    for name, field in sorted(known.items()):
        if caller.get(name):
            value, origin = caller[name], "environment"
        elif caller.get(f"{name}_FILE"):
            value, origin = "", f"file {caller[f'{name}_FILE']}"
        elif name in installed:
            value, origin = installed[name], "installation"
        elif f"{name}_FILE" in installed:
            value, origin = "", f"file {installed[f'{name}_FILE']}"
        elif field.is_required():
            value, origin = "", "missing"
        else:
            value, origin = _plain(field.get_default(call_default_factory=True)), "default"
        shown = "(hidden)" if value and is_secret(name, field) else _without_password(value)
        rows.append(Setting(name, shown, origin, field.description or ""))
    return rows


def _plain(default: object) -> str:
    return default.get_secret_value() if isinstance(default, SecretStr) else str(default)


def _without_password(value: str) -> str:
    """A URL without the password between its user and its host."""
    scheme, separator, rest = value.partition("://")
    user, at, host = rest.rpartition("@")
    if not (separator and at and ":" in user):
        return value
    return f"{scheme}://{user.split(':')[0]}:***@{host}"
