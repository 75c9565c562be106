"""Dynamics 365: execution contexts written from Microsoft's documentation."""

from typing import Any

import pytest

from services.ingest.connectors import dynamics
from services.ingest.connectors.webhook_call import SignatureRefused
from tests.unit.ingest.webhooks import (
    check_translate_is_total,
    check_verify_only_refuses,
    refusals,
    translated,
    webhook_call,
)

LEAD_ID = "11111111-2222-3333-4444-555555555555"


def entity(**values: Any) -> dict[str, Any]:
    return {
        "__type": "Entity:http://schemas.microsoft.com/xrm/2011/Contracts",
        "Attributes": [{"key": name, "value": value} for name, value in values.items()],
        "EntityState": None,
        "Id": LEAD_ID,
        "LogicalName": "lead",
    }


def context(
    message: str = "Update", table: str = "lead", target: Any = None, **changes: Any
) -> dict[str, Any]:
    return {
        "BusinessUnitId": "aaaaaaaa-0000-0000-0000-000000000000",
        "CorrelationId": "bbbbbbbb-0000-0000-0000-000000000001",
        "Depth": 1,
        "InputParameters": [{"key": "Target", "value": target}],
        "MessageName": message,
        "OperationCreatedOn": "/Date(1772442151000+0000)/",
        "OperationId": "cccccccc-0000-0000-0000-000000000002",
        "OrganizationId": "dddddddd-0000-0000-0000-000000000003",
        "OrganizationName": "exemple",
        "OutputParameters": [],
        "PostEntityImages": [],
        "PrimaryEntityId": LEAD_ID,
        "PrimaryEntityName": table,
        "RequestId": "eeeeeeee-0000-0000-0000-000000000004",
        **changes,
    }


CREATED = context(
    "Create",
    target=entity(
        firstname="Claire",
        lastname="Durand",
        emailaddress1="claire@example.fr",
        companyname="Aciers du Nord",
        industrycode={"__type": "OptionSetValue:http://x", "Value": 8},
        estimatedamount={"__type": "Money:http://x", "Value": 1200.5},
        ownerid={"__type": "EntityReference:http://x", "Id": "owner-1", "LogicalName": "systemuser"},
        statecode={"Value": 0},
        revenue={"__type": "Money:http://x", "Value": 3},
    ),
)


def test_the_key_is_a_header_or_in_the_address() -> None:
    dynamics.verify(webhook_call(x_webhook_key="sé"), "sé")
    dynamics.verify(webhook_call(url="https://x.fr/v1/webhooks/dynamics?code=s%C3%A9"), "sé")
    for call in (
        webhook_call(),
        webhook_call(x_webhook_key="é"),
        webhook_call(url="https://x.fr/?code=a&code=s"),
    ):
        with pytest.raises(SignatureRefused):
            dynamics.verify(call, "sé")


def test_a_created_lead_is_described_without_what_tells_the_outcome() -> None:
    (event,) = translated("dynamics", CREATED)
    assert (event["type"], event["subject"]) == ("crm.lead.created", f"lead:{LEAD_ID}")
    assert event["time"].startswith("2026-03-02T")
    assert event["data"]["lead"] == {
        "email": "claire@example.fr",
        "name": "Claire Durand",
        "company": "Aciers du Nord",
        "attributes": {"industrycode": "8", "revenue": 3},
    }
    assert (event["data"]["amount"], event["data"]["owner"]) == (1200.5, "owner-1")


def test_a_qualified_lead_is_won_and_a_disqualified_one_lost() -> None:
    (won,) = translated(
        "dynamics", context(target=entity(statecode={"__type": "OptionSetValue:http://x", "Value": 1}))
    )
    (lost,) = translated("dynamics", context(target=entity(statecode={"Value": 2}, statuscode={"Value": 5})))
    assert (won["type"], lost["type"], lost["data"]["reason"]) == ("crm.lead.converted", "crm.lead.lost", "5")


def test_an_image_tells_what_the_change_does_not() -> None:
    image = {"key": "post", "value": entity(emailaddress1="claire@example.fr", statecode={"Value": 1})}
    (event,) = translated("dynamics", context(target=entity(websiteurl="x.fr"), PostEntityImages=[image]))
    # The state in the image did not change now.
    assert event["type"] == "crm.lead.updated"
    assert event["data"]["lead"]["email"] == "claire@example.fr"


def test_an_opportunity_is_told_of_its_lead() -> None:
    reference = {"__type": "EntityReference:http://x", "Id": LEAD_ID, "LogicalName": "lead"}
    values = {"originatingleadid": reference, "statecode": {"Value": 1}, "actualvalue": {"Value": 900}}
    (won,) = translated("dynamics", context("Update", "opportunity", entity(**values)))
    assert (won["type"], won["subject"], won["data"]["amount"]) == (
        "crm.lead.converted",
        f"lead:{LEAD_ID}",
        900,
    )
    assert "post image" in refusals("dynamics", context("Update", "opportunity", entity()))[0]


def test_deletion_is_no_erasure_and_a_call_cut_short_asks_for_the_rest() -> None:
    (deleted,) = translated("dynamics", context("Delete", target={"Id": LEAD_ID, "LogicalName": "lead"}))
    assert deleted["data"] == {"lead": {}, "deleted_at_source": True}
    (short,) = translated("dynamics", context(InputParameters=None, PostEntityImages=None))
    assert short["data"]["hydrate"] == {"system": "dynamics", "object": "lead", "id": LEAD_ID}


def test_the_same_context_has_the_same_id_and_another_change_another() -> None:
    assert translated("dynamics", CREATED)[0]["id"] == translated("dynamics", dict(CREATED))[0]["id"]
    nobody = "00000000-0000-0000-0000-000000000000"
    synchronous = [context(target=entity(websiteurl=url), OperationId=nobody) for url in ("a", "b")]
    first, second = (translated("dynamics", payload)[0]["id"] for payload in synchronous)
    assert first != second


def test_another_table_is_kept_with_the_reason() -> None:
    assert "'account'" in refusals("dynamics", context(table="account"))[0]


def test_whatever_comes_is_translated_or_refused_never_an_error() -> None:
    opportunity = context("Update", "opportunity", entity(parentcontactid={"Id": "c"}, stepname="Propose"))
    check_translate_is_total("dynamics", [CREATED, opportunity, context("Delete")])
    check_verify_only_refuses("dynamics", "secret", "x-webhook-key")
