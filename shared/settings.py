"""Settings from the environment, read once; every problem is listed before the process stops."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import EnvSettingsSource

Port = Annotated[int, Field(ge=1, le=65535)]


class SecretFileSource(EnvSettingsSource):
    """Reads ``NAME`` from the file that ``NAME_FILE`` points to, as container secrets are mounted."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        # A file that cannot be read must stop the start as any malformed setting does.
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ValueError(f"{field_name.upper()}_FILE: cannot read {path}: {error.strerror}") from error
        return value, field_name, self.field_is_complex(field)


class CommonSettings(BaseSettings):
    """What every process needs. A service adds its own fields in its ``settings.py``."""

    model_config = SettingsConfigDict(extra="ignore", frozen=True)

    database_url: str = Field(description="Postgres, as a libpq URL")
    kafka_bootstrap_servers: str = Field(description="host:port[,host:port…] of the Kafka brokers")
    topic_prefix: str = Field("", description="put before every topic and group name, to share a cluster")
    token_secret: SecretStr = Field(min_length=32, description="signs the short-lived tokens of people")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="least level logged")
    company_name: str = Field("", description="the company's name, as its people and its leads read it")
    demo: bool = Field(False, description="1 when this installation holds invented data only")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFileSource(settings_cls)


S = TypeVar("S", bound=CommonSettings)


def problems(error: ValidationError) -> list[str]:
    """One line per missing or malformed setting; a secret's value is never part of it."""
    return [
        f"{str(issue['loc'][0]).upper() if issue['loc'] else 'settings'}: {issue['msg']}"
        for issue in error.errors(include_input=False, include_url=False)
    ]


def load(settings_class: type[S]) -> S:
    """Read the environment; on any problem print all of them and exit with status 2."""
    try:
        return settings_class()
    except ValidationError as error:
        lines = problems(error)
    except ValueError as error:
        lines = [str(error)]
    print(f"{settings_class.__module__}: the settings are not usable:", file=sys.stderr)
    for line in lines:
        print(f"  {line}", file=sys.stderr)
    raise SystemExit(2)
