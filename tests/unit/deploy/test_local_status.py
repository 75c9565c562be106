"""What `eclaireur status` says of an installation in trouble."""

from dataclasses import replace

import pytest

from deploy.local.checks import Check
from deploy.local.status import Status, show

WELL = Check("database", "ok", "answers")


def test_a_model_that_does_not_load_is_told_and_counts_as_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    well = Status(".", True, None, [], WELL, WELL, {"events_waiting": 0, "model_refused": None}, [])
    assert well.healthy
    told = {
        "version": "b",
        "since": "2026-11-25T09:00:00Z",
        "serving": "a",
        "detail": "Model b [a] is damaged.",
    }
    ill = replace(well, scoring={"events_waiting": 0, "model_refused": told})
    assert not ill.healthy
    show(ill)
    assert "Since 2026-11-25T09:00:00Z: Model b [a] is damaged." in capsys.readouterr().out
