"""A tenant's own fields: defined by an administrator, then written, checked, filtered and told like the others."""

import pytest
from calls import wait_for

LABELS = {"zh": "屋顶面积", "en": "Roof area"}
AREA = {"type": "integer", "labels": LABELS, "minimum": 1, "maximum": 100_000}


@pytest.fixture(scope="module")
def admin(platform):
    return platform.tenant("roofs")


def define(caller, collection, name, definition):
    return caller.send("PUT", f"/v1/{collection}/custom-fields/{name}", definition)


def codes(problem):
    return {(error["path"], error["code"]) for error in problem["errors"]}


@pytest.mark.parametrize("collection, body", [
    ("leads", {"company": "Harbour Ltd", "source": "website"}), ("accounts", {"name": "Harbour Ltd"}),
    ("contacts", {"name": "Ann Marsh"}), ("products", {"name": "Panel"})])
def test_a_field_is_there_as_soon_as_it_is_defined(admin, collection, body):
    status, _, field = define(admin, collection, "roofArea", AREA)
    assert (status, field["name"], field["labels"]) == (201, "roofArea", LABELS)
    assert admin.ok("GET", f"/v1/{collection}/custom-fields")["items"] == [field]

    def written():
        status, _, answer = admin.send("POST", f"/v1/{collection}", {**body, "custom": {"roofArea": 60}})
        return answer if status == 201 else None

    made = wait_for(written)
    assert made["custom"] == {"roofArea": 60}
    for value, code in (("60", "type"), (0, "range"), (100_001, "range")):
        status, _, problem = admin.send("PATCH", f"/v1/{collection}/{made['id']}", {"custom": {"roofArea": value}})
        assert status == 422 and [error["path"] for error in problem["errors"]] == ["/custom/roofArea"], (code, problem)
    assert admin.send("PATCH", f"/v1/{collection}/{made['id']}", {"custom": {"roofHeight": 1}})[0] == 422
    for condition, count in (("custom.roofArea.gte=60", 1), ("custom.roofArea.gt=60", 0), ("custom.roofArea=60", 1)):
        assert len(admin.ok("GET", f"/v1/{collection}?{condition}")["items"]) == count, condition


def test_a_definition_changes_in_all_but_its_type_and_goes(admin):
    assert define(admin, "opportunities", "roof", {"type": "choice", "labels": LABELS})[0] == 422
    choices = [{"value": value, "labels": {"zh": value, "en": value}} for value in ("flat", "steep")]
    assert define(admin, "opportunities", "roof", {"type": "choice", "labels": LABELS, "choices": choices})[0] == 201
    status, _, problem = define(admin, "opportunities", "roof", {"type": "string", "labels": LABELS})
    assert status == 422 and problem["code"] == "ruleViolated" and "choice" in problem["detail"]
    status, _, changed = define(admin, "opportunities", "roof", {
        "type": "choice", "labels": {"zh": "屋顶", "en": "Roof"}, "choices": choices[:1], "required": True})
    assert (status, changed["labels"]["en"], len(changed["choices"])) == (200, "Roof", 1)
    assert admin.send("DELETE", "/v1/opportunities/custom-fields/roof")[0] == 204
    assert admin.send("DELETE", "/v1/opportunities/custom-fields/roof")[0] == 404
    assert admin.ok("GET", "/v1/opportunities/custom-fields")["items"] == []


def test_what_cannot_be_a_field_is_told(admin):
    for name, definition in (
            ("RoofArea", AREA), ("roof%20area", AREA), ("roof", {"labels": LABELS}), ("roof", {"type": "integer"}),
            ("roof", {**AREA, "type": "colour"}), ("roof", {**AREA, "minimum": 5, "maximum": 4}),
            ("roof", {**AREA, "name": "other"}), ("roof", {**AREA, "unit": "m²"})):
        status, _, problem = define(admin, "leads", name, definition)
        assert status == 422 and problem["errors"], (name, definition, problem)
    assert define(admin, "leads", "roof", b"{")[0] == 400


def test_only_who_configures_defines_fields(admin, platform):
    for role, status in (("sales", 403), ("manager", 403), ("operations", 201)):
        assert define(platform.key("roofs", role), "leads", f"by{role.title()}", AREA)[0] == status
    assert platform.key("roofs", "sales").ok("GET", "/v1/leads/custom-fields")["items"]


def test_another_tenant_has_none_of_them(admin, platform):
    other = platform.tenant("lawns")
    assert other.ok("GET", "/v1/leads/custom-fields")["items"] == []
    assert other.send("POST", "/v1/leads", {"company": "Green", "source": "website", "custom": {"roofArea": 1}})[0] == 422


def test_every_permission_of_the_matrix_is_asked_for_somewhere(platform):
    """What a role is said to be allowed is something that can be done."""
    document = platform.operator.send("GET", "/openapi.json")[2]
    asked = {operation["x-permission"] for item in document["paths"].values() for operation in item.values()}
    # Asked within an operation: of whoever gives a record to others, of an act with a date of its own.
    within = {"backdate", "accounts.assign"}
    roles = platform.tenant("matrix").ok("GET", "/v1/roles")["items"]
    named = {permission for role in roles for permission in role["permissions"]}
    assert named - asked - within == set()
