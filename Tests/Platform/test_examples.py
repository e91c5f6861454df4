"""The API document's examples are true: each is taken as it stands, but for the ids of what was made before."""

import re

import pytest
from calls import Caller, wait_for

ID = "01890a5d-ac96-774b-bcce-b302099a8057"
NEW = {"leads": "createLead", "opportunities": "createOpportunity"}


@pytest.fixture(scope="module")
def examples(platform):
    """(method, path, body) by operation id of whatever takes JSON, a patch apart."""
    def whole():
        _, headers, document = Caller(platform.port).send("GET", "/openapi.json")
        return headers["Cache-Control"] != "no-cache" and document
    found = {}
    for path, item in wait_for(whole)["paths"].items():
        for method, operation in item.items():
            media = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if media and method != "patch":
                found[operation["operationId"]] = (method.upper(), path, media.get("example"))
    return found


class Story:
    """Plays the examples for one tenant."""

    def __init__(self, platform, examples):
        self.examples, self.told = examples, set()
        tenant = self.play("createTenant", platform.operator)
        self.api = Caller(platform.port, self.play("createTenantApiKey", platform.operator, id=tenant["slug"])["key"])

    def play(self, operation, caller=None, replaced=None, **names):
        method, path, body = self.examples[operation]
        self.told.add(operation)
        target = re.sub(r"{(\w+)}", lambda match: names[match[1]], path)
        # What is named by its id is what was made before.
        for member, value in (replaced or {}).items():
            body = put(body, member, value)
        return (caller or self.api).ok(method, target, body)

    def act(self, operation, collection, *before, replaced=None, **more):
        """An act on a new object, after other acts on it."""
        made = self.api.ok("POST", f"/v1/{collection}", {**self.examples[NEW[collection]][2], **more})
        for step in before:
            self.play(step, id=made["id"])
        return self.play(operation, replaced=replaced, id=made["id"])


def put(body, member, value):
    """The body with another value of the member, wherever it is; it must be there."""
    if isinstance(body, list):
        return [put(element, member, value) for element in body]
    if member in body:
        assert body[member] == ID or body[member].endswith("…")
        return {**body, member: value}
    return {name: put(inner, member, value) if isinstance(inner, dict) else inner for name, inner in body.items()}


def test_each_example_is_taken(platform, examples):
    assert [operation for operation, (_, _, body) in examples.items() if body is None] == []
    story = Story(platform, examples)
    play, act = story.play, story.act

    # The tenant's own.
    play("createApiKey")
    team = play("createTeam")
    user = play("createUser")
    story.api.ok("PATCH", f"/v1/users/{user['id']}", {"teamId": team["id"]})
    reset = story.api.ok("POST", f"/v1/users/{user['id']}/password-reset")
    stranger = Caller(platform.port)
    play("redeemPasswordReset", stranger, replaced={"token": reset["token"]})
    reset = story.api.ok("POST", f"/v1/users/{user['id']}/password-reset")
    play("setPassword", stranger, token=reset["token"])
    pair = play("createSession", stranger)
    play("changePassword", Caller(platform.port, pair["accessToken"]))
    reset = story.api.ok("POST", f"/v1/users/{user['id']}/password-reset")
    play("setPassword", stranger, token=reset["token"])
    pair = play("createSession", stranger)
    play("refreshSession", stranger, replaced={"refreshToken": pair["refreshToken"]})
    play("createBusinessLine")
    bulks(story, "Team", "User", "BusinessLine")
    assert play("redriveDeadLetters", platform.operator)

    # Leads.
    play("createSource")
    play("createGradeRule")
    play("putGradeThresholds")
    play("createAssignmentRule", replaced={"teamId": team["id"]})
    # The services hear of the team and the user on their own.
    assert wait_for(lambda: play("dryRunAssignment").get("ownerId") == user["id"])
    play("createLead")
    play("putLeadByExternalId", system="erp", externalId="1")
    for operation in ("addLeadActivity", "gradeLead", "setLeadStatus", "qualifyLead", "disqualifyLead", "convertLead"):
        act(operation, "leads")
    act("assignLead", "leads", replaced={"ownerId": user["id"]})
    bulks(story, "Lead")
    play("putDuplicatePolicy")

    # Customers.
    account = play("createAccount")
    play("putAccountByExternalId", system="erp", externalId="C-1002")
    play("createContact")
    play("putContactByExternalId", system="erp", externalId="1")
    play("createOrder")
    play("putOrderByExternalId", system="erp", externalId="1")
    bulks(story, "Account", "Contact", "Order")
    play("putAccountDuplicatePolicy")
    play("putLifecyclePolicy")

    # Opportunities.
    play("createProduct")
    play("putProductByExternalId", system="erp", externalId="1")
    play("migratePipeline", id=play("createPipeline")["id"])
    play("createTarget")
    play("createOpportunity")
    play("putOpportunityByExternalId", system="erp", externalId="1")
    for operation in ("addOpportunityActivity", "moveOpportunity", "winOpportunity", "loseOpportunity"):
        act(operation, "opportunities")
    act("assignOpportunity", "opportunities", replaced={"ownerId": user["id"]})
    act("reopenOpportunity", "opportunities", "loseOpportunity")
    whose = {"accountId": account["id"], "ownerId": user["id"]}
    act("registerOpportunity", "opportunities", **whose)
    act("arbitrateOpportunity", "opportunities", "registerOpportunity", **whose)
    won = [act("winOpportunity", "opportunities")["id"] for _ in range(3)]
    play("createContract", replaced={"opportunityId": won[0]})
    play("putContractByExternalId", replaced={"opportunityId": won[1]}, system="erp", externalId="1")
    bulks(story, "Product", "Opportunity")
    bulks(story, "Contract", replaced={"opportunityId": won[2]})
    play("forecastWhatIf")

    for operation in [operation for operation in examples if operation.endswith("CustomField")]:
        assert play(operation, name="floorArea")["name"] == "floorArea"

    assert set(examples) - story.told == set()


def bulks(story, *types, replaced=None):
    for name in types:
        answer = story.play(f"bulkCreate{name}", replaced=replaced)
        assert answer["items"] and answer["refused"] == 0, answer
