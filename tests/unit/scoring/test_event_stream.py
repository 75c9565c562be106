"""A file of events becomes leads as they were known then."""

from datetime import UTC, datetime, timedelta

import numpy as np
import orjson
import pytest

from services.scoring.learning.closed_leads import EvaluationRefused
from services.scoring.learning.evaluate import evaluate_forward
from services.scoring.learning.event_stream import read_event_stream

START = datetime(2025, 1, 1, tzinfo=UTC)


def event(number, kind, subject, day, **data):
    return {
        "specversion": "1.0",
        "id": str(number),
        "source": "crm",
        "type": kind,
        "subject": subject,
        "time": (START + timedelta(days=day)).isoformat(),
        "data": data,
    }


def written(tmp_path, events):
    path = tmp_path / "events.ndjson"
    path.write_bytes(b"\n".join(orjson.dumps(one) for one in events) + b"\n")
    return path


STORY = [
    event(1, "crm.lead.created", "a", 0, lead={"attributes": {"sector": "water"}}),
    event(2, "crm.page.viewed", "a", 3, lead={}, url="https://example.fr/prices"),
    event(3, "crm.lead.converted", "a", 5, lead={}, amount=900),
    event(4, "crm.lead.created", "b", 1, lead={"attributes": {"sector": "paper"}}),
    event(5, "crm.lead.lost", "b", 4, lead={}),
    event(6, "crm.lead.created", "open", 2, lead={}),
]


def test_a_lead_is_tested_after_each_event_before_its_outcome(tmp_path):
    learnt, tested = read_event_stream(written(tmp_path, STORY))
    looks = [
        (lead.split("|")[-1], won, found.get("activity.page_viewed.count"))
        for lead, won, found in zip(tested.groups, tested.labels, tested.leads, strict=True)
    ]
    assert looks == [("a", 1.0, None), ("b", 0.0, None), ("a", 1.0, 1)]
    assert [lead.split("|")[-1] for lead in sorted(learnt.groups)] == ["a", "b"]
    assert (tested.known > tested.times).all()


def test_what_came_after_the_outcome_or_twice_is_not_looked_at(tmp_path):
    late = event(7, "crm.page.viewed", "a", 9, lead={}, url="https://example.fr/thanks")
    once = read_event_stream(written(tmp_path, STORY))
    again = read_event_stream(written(tmp_path, [*STORY, late, STORY[1]]))
    assert [tested.leads for _, tested in (once, again)] == [once[1].leads] * 2


def test_what_came_in_late_is_in_no_earlier_look(tmp_path):
    backfilled = STORY[1] | {"receivedat": (START + timedelta(days=4.5)).isoformat()}
    _, tested = read_event_stream(written(tmp_path, [STORY[0], backfilled, *STORY[2:]]))
    assert tested.times[-1] == (START + timedelta(days=4.5)).timestamp()


def test_a_line_that_is_no_event_is_named(tmp_path):
    with pytest.raises(EvaluationRefused, match="Line 2 of events\\.ndjson is no event"):
        read_event_stream(written(tmp_path, [STORY[0], STORY[1] | {"type": "crm.unknown"}]))


def test_a_file_without_outcomes_is_refused(tmp_path):
    with pytest.raises(EvaluationRefused, match="no lead with an outcome"):
        read_event_stream(written(tmp_path, STORY[:2]))
    with pytest.raises(EvaluationRefused, match="There is no file"):
        read_event_stream(tmp_path / "missing.ndjson")


def test_behaviour_that_tells_the_outcome_is_found_in_the_weeks_that_follow(tmp_path):
    random = np.random.default_rng(0)
    events = []
    for lead in range(300):
        day, keen = float(random.uniform(0, 300)), random.random() < 0.5
        events.append(event(len(events), "crm.lead.created", f"lead {lead}", day, lead={}))
        for visit in range(random.poisson(4 if keen else 1)):
            at = day + 1 + visit
            events.append(event(len(events), "crm.page.viewed", f"lead {lead}", at, lead={}, url="/p"))
        kind = "crm.lead.converted" if random.random() < (0.8 if keen else 0.2) else "crm.lead.lost"
        events.append(event(len(events), kind, f"lead {lead}", day + 20, lead={}))
    learnt, tested = read_event_stream(written(tmp_path, events))
    result = evaluate_forward(learnt, tested_on=tested)
    assert result["method"] == "forward"
    assert result["rows"] > 100
    assert result["models"]["published"]["auc"] > 0.55
    assert set(result["intervals"]["published"]) == set(result["models"]["published"])
