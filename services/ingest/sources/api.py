"""Sources over HTTP: define, try, save as versions, bring one back, and make, rotate and revoke secrets."""

from datetime import UTC, datetime
from typing import Any

import yaml
from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from pydantic import BaseModel, Field

from services.ingest.connectors import CONNECTORS, Connector
from services.ingest.connectors.signing import check_usable
from services.ingest.connectors.webhook_call import SecretUnusable, SignatureRefused, WebhookCall
from services.ingest.settings import IngestSettings
from services.ingest.sources import store
from services.ingest.sources.databases import AddressRefused, check_address
from services.ingest.sources.definition import (
    NAME_PATTERN,
    ConnectorSource,
    Definition,
    InvalidDefinition,
    SqlSource,
    read_definition,
)
from services.ingest.sources.registry import connector_of
from services.ingest.sources.sealing import Sealer, Unreadable
from services.ingest.sources.store import Stored, Version
from services.ingest.sources.trial import Trial, try_sample
from shared.contracts.topics import MAX_EVENT_BYTES
from shared.http import Problem, answer, principal, requires
from shared.postgres import Connection, Pool

JSON = "application/json"
MAX_SHOWN_EVENTS = 20


class NamePath(BaseModel):
    name: str = Field(pattern=f"^{NAME_PATTERN}$")


class VersionPath(NamePath):
    version: int = Field(ge=1)


class SecretPath(NamePath):
    secret_id: str = Field(max_length=40)


class Draft(BaseModel):
    """A definition, as YAML text or as an object, and a sample of what its sender posts."""

    definition: str | dict[str, Any] = Field(description="YAML, or the same as an object")
    sample: str | None = Field(
        None,
        max_length=MAX_EVENT_BYTES,
        description="a body as it is posted; a save keeps the one before without",
    )
    content_type: str = Field(JSON, max_length=200, description="the sample's")


class Save(Draft):
    secret: str | None = Field(
        None,
        min_length=1,
        max_length=2_000,
        description="what the sender gave; else one is made where it can be",
    )
    version: int | None = Field(
        None, description="the version that this one was made from: refused when another came between"
    )


class NewSecret(BaseModel):
    secret: str | None = Field(None, min_length=1, max_length=2_000, description="else one is made")


def create_blueprint(pool: Pool, sealer: Sealer, settings: IngestSettings) -> APIBlueprint:
    api = APIBlueprint("sources", __name__, url_prefix="/v1/sources")
    in_settings = settings.webhook_secrets

    @api.get("")
    @requires("sources:read")
    def list_sources() -> Response:
        """Every source, and how it is doing: connectors of vendors too, whether they are used or not."""
        with pool.connection() as connection:
            stored = {one.name: one for one in store.list_sources(connection)}
            activity, pulls = store.list_activity(connection), store.list_pulls(connection)
        names = [name for name in sorted({*CONNECTORS, *stored}) if _is_callers(name)]
        rows = [_row(name, stored.get(name), activity.get(name), pulls.get(name)) for name in names]
        return answer({"sources": rows, "activity_days": store.ACTIVITY_DAYS})

    @api.get("/<name>")
    @requires("sources:read")
    def get_source(path: NamePath) -> Response:
        """One source: its definition, sample and versions, and its secrets without what they are."""
        with pool.connection() as connection:
            stored = _stored(connection, path.name)
            activity = store.list_activity(connection, path.name).get(path.name)
            pull = store.list_pulls(connection, path.name).get(path.name)
            versions = store.list_versions(connection, path.name)
        shown = {
            "definition": stored.definition if stored else _built_in(path.name),
            "sample": stored.sample if stored else None,
            "content_type": stored.content_type if stored else JSON,
            "versions": versions,
            "secrets": [_told(one) for one in stored.secrets] if stored else [],
        }
        return answer(_row(path.name, stored, activity, pull) | shown)

    @api.post("/try")
    @requires("sources:read")
    def try_source(body: Draft) -> Response:
        """What the sample would become. Nothing is kept."""
        definition = _read(_text(body.definition))
        return answer(_trial(_tried(definition, body.sample, body.content_type)))

    @api.put("/<name>")
    @requires("sources:write")
    def save_source(path: NamePath, body: Save) -> Response:
        """Save a version, once its sample makes an event. A secret that is made here is shown this once."""
        _allow(path.name)
        text = _text(body.definition)
        definition = _read(text)
        if definition.name != path.name:
            raise Problem(422, "Another name", f"The address says {path.name!r}, `name` {definition.name!r}.")
        made_by = _who()
        with pool.connection() as connection:
            kept_sample = next(iter(store.list_sources(connection, path.name)), None)
            sample, content_type = body.sample, body.content_type
            if sample is None and kept_sample is not None:
                sample, content_type = kept_sample.sample, kept_sample.content_type
            trial = _checked(definition, sample, content_type)
            latest, in_force = store.lock_source(connection, path.name)
            if body.version is not None and body.version != latest:
                raise Problem(
                    409, "It changed meanwhile", f"Version {latest} was saved since. Read it first."
                )
            version = Version(text, sample, content_type)
            store.save_version(connection, path.name, version, latest + 1, made_by)
            secret = None if in_force and body.secret is None else _given_or_made(definition, body.secret)
            kept = _add_secret(connection, definition, secret, made_by) if secret else None
            if isinstance(definition, SqlSource):
                store.want_pull(connection, path.name)
        shown = {"name": path.name, "version": latest + 1, "address": _address(definition)}
        # What the caller gave is not said back; what was made is shown now or never.
        made = secret if body.secret is None else None
        return answer(shown | _trial(trial) | {"secret_id": kept, "secret": made})

    @api.post("/<name>/versions/<int:version>/restore")
    @requires("sources:write")
    def restore_version(path: VersionPath) -> Response:
        """Bring an earlier version back, as a new one."""
        _allow(path.name)
        with pool.connection() as connection:
            latest, _in_force = store.lock_source(connection, path.name)
            earlier = store.get_version(connection, path.name, path.version)
            if earlier is None:
                raise Problem(404, "No such version", f"{path.name!r} has the versions 1 to {latest}.")
            _checked(_read(earlier.definition), earlier.sample, earlier.content_type)
            store.save_version(connection, path.name, earlier, latest + 1, _who())
        return answer({"name": path.name, "version": latest + 1})

    @api.delete("/<name>")
    @requires("sources:write")
    def remove_source(path: NamePath) -> Response:
        """Take a source out of use and revoke its secrets. Its versions are kept and may come back."""
        _allow(path.name)
        with pool.connection() as connection:
            if not store.remove_source(connection, path.name):
                raise _unknown(path.name)
        return answer({"name": path.name, "removed": True})

    @api.post("/<name>/secrets")
    @requires("sources:write")
    def add_secret(path: NamePath, body: NewSecret) -> Response:
        """A secret beside the one before it: change it at the sender, then revoke the old one."""
        _allow(path.name)
        made_by = _who()
        with pool.connection() as connection:
            stored = _stored(connection, path.name)
            text = stored.definition if stored else _built_in(path.name)
            definition = _read(text)
            secret = _given_or_made(definition, body.secret)
            if secret is None:
                raise Problem(422, "The secret is missing", "This sender gives its own: send it as `secret`.")
            latest, _in_force = store.lock_source(connection, path.name)
            if stored is None:
                store.save_version(connection, path.name, Version(text, None, JSON), latest + 1, made_by)
            kept = _add_secret(connection, definition, secret, made_by)
        made = secret if body.secret is None else None
        return answer({"secret_id": kept, "secret": made, "address": _address(definition)}, 201)

    @api.delete("/<name>/secrets/<secret_id>")
    @requires("sources:write")
    def revoke_secret(path: SecretPath) -> Response:
        """From now on it opens nothing; every process knows within seconds."""
        _allow(path.name)
        with pool.connection() as connection:
            if not store.revoke_secret(connection, path.name, path.secret_id):
                raise Problem(404, "No such secret", f"{path.name!r} has no valid secret of this id.")
        return answer({"secret_id": path.secret_id, "revoked": True})

    def _stored(connection: Connection, name: str) -> Stored | None:
        """The source, or None for a connector that nobody touched."""
        if not _is_callers(name):
            raise _unknown(name)
        found = next(iter(store.list_sources(connection, name)), None)
        if found is None and name not in CONNECTORS:
            raise _unknown(name)
        return found

    def _row(
        name: str, stored: Stored | None, activity: dict[str, Any] | None, pull: dict[str, Any] | None
    ) -> dict[str, Any]:
        try:
            definition = read_definition(stored.definition if stored else _built_in(name))
        except InvalidDefinition:
            # Saved by another release: the list must not fail for it.
            return {"name": name, "kind": "unreadable"}
        return {
            "name": name,
            "kind": definition.kind,
            "connector": getattr(definition, "connector", None),
            "description": definition.description,
            "version": stored.version if stored else 0,
            "made_at": stored.made_at if stored else None,
            "made_by": stored.made_by if stored else None,
            "address": _address(definition),
            "secrets_valid": len(in_settings.get(name, ())) + (len(stored.secrets) if stored else 0),
            "secrets_unreadable": _unreadable(stored),
            "secrets_in_settings": len(in_settings.get(name, ())),
            "makes_secrets": _maker(definition) is not None,
            "activity": activity,
            "pull": pull,
        }

    def _unreadable(stored: Stored | None) -> int:
        unreadable = 0
        for one in stored.secrets if stored else ():
            try:
                sealer.open(one.sealed)
            except Unreadable:
                unreadable += 1
        return unreadable

    def _address(definition: Definition) -> str | None:
        """What the sender is told to call; of an SQL source nothing is called."""
        if isinstance(definition, SqlSource):
            return None
        return f"{settings.ingest_public_url.rstrip('/')}/v1/webhooks/{definition.name}"

    def _add_secret(connection: Connection, definition: Definition, secret: str, made_by: str) -> str:
        if isinstance(definition, SqlSource):
            try:
                check_address(secret, settings.ingest_sql_hosts)
            except AddressRefused as error:
                raise Problem(422, "This database is not read", str(error)) from error
        else:
            _check_secret(connector_of(definition), secret)
        alone = isinstance(definition, SqlSource)
        try:
            return store.add_secret(connection, definition.name, sealer.seal(secret), made_by, alone=alone)
        except store.TooManySecrets as error:
            raise Problem(
                409, "Two secrets are valid already", "Revoke the one that is no longer used, then try again."
            ) from error

    return api


def _who() -> str:
    return principal().called


def _is_callers(name: str) -> bool:
    return principal().source in (None, name)


def _allow(name: str) -> None:
    if not _is_callers(name):
        raise Problem(403, "Not allowed", f"This key is for the source {principal().source!r} only.")


def _unknown(name: str) -> Problem:
    return Problem(404, "No such source", f"There is no source {name!r}; `GET /v1/sources` lists them.")


def _built_in(name: str) -> str:
    return f"name: {name}\nkind: connector\nconnector: {name}\n"


def _text(definition: str | dict[str, Any]) -> str:
    if isinstance(definition, str):
        return definition
    return yaml.safe_dump(_without_null(definition), allow_unicode=True, sort_keys=False)


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_null(one) for name, one in value.items() if one is not None}
    return [_without_null(one) for one in value] if isinstance(value, list) else value


def _read(text: str) -> Definition:
    try:
        return read_definition(text)
    except InvalidDefinition as error:
        faults = [{"line": one.line, "field": one.field, "error": one.error} for one in error.faults]
        first = error.faults[0]
        where = ", ".join(part for part in (f"line {first.line}" if first.line else "", first.field) if part)
        raise Problem(
            422,
            "The definition is not right",
            f"{where}: {first.error}" if where else first.error,
            errors=faults,
        ) from error


def _tried(definition: Definition, sample: str | None, content_type: str) -> Trial:
    if sample is None:
        raise Problem(422, "A sample is missing", "Paste a body as the sender posts it, as `sample`.")
    body = sample.encode("utf-8", "surrogatepass")
    if len(body) > MAX_EVENT_BYTES:
        raise Problem(413, "The sample is too large", f"At most {MAX_EVENT_BYTES} bytes.")
    return try_sample(definition, body, content_type, datetime.now(UTC))


def _checked(definition: Definition, sample: str | None, content_type: str) -> Trial:
    """The trial of what is to be saved. A connector was tried by us: for it a sample is a person's choice."""
    if sample is None and isinstance(definition, ConnectorSource):
        return Trial()
    trial = _tried(definition, sample, content_type)
    if not trial.events or trial.refused:
        reason = trial.refused[0] if trial.refused else "The sample makes no event."
        raise Problem(422, "The sample is not understood", reason, **_trial(trial))
    return trial


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "events": trial.events[:MAX_SHOWN_EVENTS],
        "events_made": len(trial.events),
        "refused": trial.refused[:MAX_SHOWN_EVENTS],
    }


def _told(secret: store.Sealed) -> dict[str, Any]:
    return {"secret_id": secret.secret_id, "made_at": secret.made_at, "made_by": secret.made_by}


def _maker(definition: Definition) -> Any:
    return None if isinstance(definition, SqlSource) else connector_of(definition).new_secret


def _given_or_made(definition: Definition, given: str | None) -> str | None:
    maker = _maker(definition)
    return given or (maker() if maker else None)


def _check_secret(connector: Connector, secret: str) -> None:
    call = WebhookCall("POST", "https://sample.invalid/", {}, b"", datetime.now(UTC))
    try:
        check_usable(secret)
        connector.verify(call, secret)
    except SecretUnusable as error:
        raise Problem(422, "This cannot be the secret", str(error)) from error
    except SignatureRefused:
        return
