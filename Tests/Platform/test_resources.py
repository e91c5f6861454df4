"""What every collection of the API promises: lists, writes, external ids, and reading one's own writes."""

import threading

import pytest

from calls import Caller, wait_for


@pytest.fixture(scope="module")
def api(platform):
    return platform.tenant("resources")


@pytest.fixture(scope="module")
def listed(platform):
    """A tenant of thirty leads, ten of each status or grade that the lists below tell apart."""
    api = platform.tenant("lists")
    rows = []
    for number in range(30):
        rows.append({
            "company": f"{'北京' if number % 3 == 0 else 'Acme'} {number:02}", "email": f"n{number}@example.com",
            "phone": None if number % 2 else f"+86 138 0000 {number:04}", "employees": number,
            "externalSystem": "list", "externalId": str(number),
            "occurredAt": f"2025-{number % 12 + 1:02}-15T08:00:00Z"})
    answer = api.ok("POST", "/v1/leads/bulk", rows)
    assert {row["status"] for row in answer["items"]} == {201}
    return api


def ids(api, query):
    return [item["externalId"] for item in api.ok("GET", f"/v1/leads?{query}")["items"]]


def test_names_are_ordered_by_pinyin_on_every_page(platform):
    api = platform.tenant("ordered")
    names = ["阿里巴巴", "海风", "李宁", "王府井", "张裕", "Acme", "banana", "Cherry"]
    for name in reversed(names):
        api.ok("POST", "/v1/accounts", {"name": name})
        api.ok("POST", "/v1/contacts", {"name": name})
        api.ok("POST", "/v1/opportunities", {"name": name})
        api.ok("POST", "/v1/products", {"name": name})
        api.ok("POST", "/v1/leads", {"company": name})
        api.ok("POST", "/v1/teams", {"name": name})
    for collection, field in [("accounts", "name"), ("contacts", "name"), ("opportunities", "name"),
                              ("products", "name"), ("leads", "company"), ("teams", "name")]:
        for sort, wanted in [(field, names), (f"-{field}", names[::-1])]:
            found, cursor = [], ""
            while cursor is not None:
                page = api.ok("GET", f"/v1/{collection}?sort={sort}&limit=3{cursor}")
                found += [item[field] for item in page["items"]]
                cursor = page["nextCursor"] and f"&cursor={page['nextCursor']}"
            assert found == wanted, (collection, sort)


NUMBERS = [str(number) for number in range(30)]


@pytest.mark.parametrize("query,expected", [
    ("externalId=3,5", ["3", "5"]),
    ("externalId.ne=3&externalId=3,4", ["4"]),
    ("employees.gte=28", ["28", "29"]), ("employees.gt=28", ["29"]), ("employees.lt=2", ["0", "1"]), ("employees.lte=1", ["0", "1"]),
    ("company.startsWith=%E5%8C%97%E4%BA%AC&employees.lt=7", ["0", "3", "6"]),
    ("company.startsWith=acme&employees.lt=3", ["1", "2"]),
    ("company.contains=me%2007", ["7"]),
    ("phone.isNull=true&employees.lt=4", ["1", "3"]), ("phone.isNull=false&employees.lt=4", ["0", "2"]),
    ("createdAt.gte=2025-12-01T00:00:00Z", ["11", "23"]),
    ("createdAt.gte=2025-12-01", ["11", "23"]),
    ("q=n17%40example.com", ["17"]), ("q=beijing&employees.gte=27", ["27"]), ("q=100%25", []), ("q=_", []),
], ids=lambda value: value if isinstance(value, str) else "")
def test_filters_find_what_they_say(listed, query, expected):
    assert sorted(ids(listed, f"{query}&limit=100&sort=employees"), key=int) == expected


@pytest.mark.parametrize("sort,key", [
    ("employees", int), ("-employees", lambda number: -int(number)),
    ("phone,employees", lambda number: (int(number) % 2, int(number))),
    ("-phone,employees", lambda number: (int(number) % 2 == 0, -int(number) if int(number) % 2 == 0 else int(number)))])
def test_sorted_pages_hold_every_object_once(listed, sort, key):
    seen, cursor = [], ""
    while True:
        page = listed.ok("GET", f"/v1/leads?sort={sort}&limit=7{cursor}")
        seen += [item["externalId"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert seen == sorted(NUMBERS, key=key)


def test_pages_are_stable_while_others_write(platform):
    api = platform.tenant("stable-pages")
    for number in range(20):
        api.ok("POST", "/v1/leads", {"company": f"Company {number:02}", "employees": number})
    seen, cursor, removed = [], "", 0
    while True:
        page = api.ok("GET", f"/v1/leads?sort=employees&limit=4{cursor}")
        seen += [item["employees"] for item in page["items"]]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
        # Before the position something is inserted and something deleted: no page moves.
        api.ok("POST", "/v1/leads", {"company": f"Earlier {len(seen)}", "employees": 0})
        api.ok("DELETE", f"/v1/leads/{page['items'][0]['id']}")
        removed += 1
    assert seen == list(range(20)) and removed == 4


def test_a_cursor_belongs_to_its_query_and_its_tenant(listed, api):
    cursor = listed.ok("GET", "/v1/leads?sort=employees&limit=2")["nextCursor"]
    assert ids(listed, f"sort=employees&limit=3&cursor={cursor}") == ["2", "3", "4"]
    for query in (f"sort=-employees&cursor={cursor}", f"sort=employees&employees.gt=1&cursor={cursor}", f"cursor={cursor}",
                  f"sort=employees&cursor={cursor[:-2]}AA"):
        status, _, problem = listed.send("GET", f"/v1/leads?{query}")
        assert status == 400 and problem["code"] == "invalidParameter", problem
    assert api.send("GET", f"/v1/leads?sort=employees&limit=2&cursor={cursor}")[0] == 400


def test_fields_counts_and_expansions(listed):
    page = listed.ok("GET", "/v1/leads?fields=company,employees&limit=1&sort=employees&count=exact")
    assert page["items"] == [{"company": "北京 00", "employees": 0}] and page["count"] == 30
    assert "count" not in listed.ok("GET", "/v1/leads?limit=1")
    assert listed.ok("GET", "/v1/leads?limit=1&count=estimated&employees.lt=10")["count"] == 10
    assert listed.send("GET", "/v1/leads?limit=501")[0] == 400


def test_a_new_object_tells_where_it_is_and_what_it_is(api):
    status, headers, lead = api.send("POST", "/v1/leads", {"company": "Located"})
    assert status == 201 and headers["Location"].endswith(f"/v1/leads/{lead['id']}") and headers["ETag"] == '"1"'
    assert lead["version"] == 1 and lead["person"] is None and lead["custom"] == {}
    assert lead["createdAt"].endswith("Z") and len(lead["createdAt"]) == len("2026-01-01T00:00:00.000Z")
    shown = api.send("GET", f"/v1/leads/{lead['id']}")
    # Only the answer to the write says what else looks like it.
    assert {**shown[2], "duplicates": []} == lead and shown[1]["ETag"] == '"1"'
    assert api.send("GET", f"/v1/leads/{lead['id'].upper()}")[0] in (200, 400, 404)


def test_a_merge_patch_keeps_what_is_absent_and_clears_what_is_null(api):
    lead = api.ok("POST", "/v1/leads", {"company": "Merged", "person": "Somebody", "employees": 5})
    path = f"/v1/leads/{lead['id']}"
    changed = api.ok("PATCH", path, {"person": None}, Content_Type="application/merge-patch+json")
    assert (changed["company"], changed["person"], changed["employees"], changed["version"]) == ("Merged", None, 5, 2)
    # A patch that changes nothing is no new version and no event.
    assert api.ok("PATCH", path, {"employees": 5}) == changed
    status, _, problem = api.send("PATCH", path, {"id": lead["id"], "nothing": 1})
    assert status == 422 and {error["path"] for error in problem["errors"]} >= {"/nothing"}
    assert api.send("PATCH", path, b"company=x", Content_Type="text/plain")[0] == 415


def test_deleted_is_gone_until_it_is_restored(api):
    lead = api.ok("POST", "/v1/leads", {"company": "Deleted"})
    path = f"/v1/leads/{lead['id']}"
    status, _, body = api.send("DELETE", path, If_Match='"1"')
    assert status == 204 and body == b""
    assert api.send("GET", path)[0] == api.send("PATCH", path, {"employees": 1})[0] == api.send("DELETE", path)[0] == 404
    assert lead["id"] not in [item["id"] for item in api.ok("GET", "/v1/leads?limit=500")["items"]]
    back = api.ok("POST", f"{path}/restore")
    assert back["id"] == lead["id"] and back["version"] == 3
    assert api.ok("GET", path)["company"] == "Deleted"
    assert api.send("DELETE", path, If_Match='"1"')[0] == 412


def test_an_external_id_is_one_object(api):
    path = "/v1/accounts/by-external/erp/C%2F1"
    assert api.send("GET", path)[0] == 404
    made = api.send("PUT", path, {"name": "First name"})
    assert made[0] == 201 and made[2]["externalId"] == "C/1" and made[2]["externalSystem"] == "erp"
    changed = api.send("PUT", path, {"name": "Second name"})
    assert changed[0] == 200 and changed[2]["id"] == made[2]["id"] and changed[2]["version"] == 2
    assert api.ok("GET", path)["name"] == "Second name"
    assert api.send("PUT", path, {"name": "Third"}, If_Match='"1"')[0] == 412
    # A creation that is sent again finds what is there and changes nothing.
    again = api.send("POST", "/v1/accounts", {"name": "Another", "externalSystem": "erp", "externalId": "C/1"})
    assert again[0] == 200 and again[2]["id"] == made[2]["id"] and again[2]["name"] == "Second name"


@pytest.mark.parametrize("path, row", [
    ("/v1/leads", {"company": "Numbered"}),
    ("/v1/accounts", {"name": "Numbered"}),
    ("/v1/contacts", {"name": "Numbered"}),
    ("/v1/opportunities", {"name": "Numbered"}),
    ("/v1/orders", {"orderedOn": "2026-01-05", "amount": {"amount": "10.00", "currency": "USD"}}),
])
def test_an_external_id_without_a_system_is_one_object(api, path, row):
    row = {**row, "externalId": f"numbered-{path}"}
    if path == "/v1/orders":
        row["accountId"] = api.ok("POST", "/v1/accounts", {"name": "Buyer"})["id"]
    sent = [api.ok("POST", f"{path}/bulk", [row, row])["items"] for _ in range(2)]
    assert [[result["status"] for result in results] for results in sent] == [[201, 200], [200, 200]]
    assert len({result["id"] for results in sent for result in results}) == 1
    status, _, one = api.send("POST", path, row)
    assert (status, one["id"]) == (200, sent[0][0]["id"])
    assert api.send("DELETE", f"{path}/{one['id']}")[0] == 204
    status, _, problem = api.send("POST", path, row)
    assert (status, problem["code"]) == (409, "duplicate")
    assert api.ok("POST", f"{path}/bulk", [row])["items"][0]["status"] == 409
    assert api.ok("POST", f"{path}/{one['id']}/restore")["id"] == one["id"]
    assert api.send("POST", path, row)[0] == 200


def test_an_external_id_sent_by_many_at_once_is_one_object(api):
    answers = []

    def put(number):
        answers.append(api.send("PUT", "/v1/accounts/by-external/erp/race", {"name": f"Name {number}"}))

    threads = [threading.Thread(target=put, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer[0] for answer in answers) == [200] * 7 + [201], [answer[2] for answer in answers]
    assert len({answer[2]["id"] for answer in answers}) == 1


def test_a_key_sent_by_many_at_once_has_one_effect(api):
    answers = []

    def post():
        answers.append(api.send("POST", "/v1/leads", {"company": "At once"}, Idempotency_Key="at-once"))

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Those that came while the first was running are told so; the others got its answer.
    assert {answer[0] for answer in answers} <= {201, 409}
    assert len({answer[2]["id"] for answer in answers if answer[0] == 201}) == 1
    assert len(api.ok("GET", "/v1/leads?company=At%20once")["items"]) == 1
    again = api.send("POST", "/v1/leads", {"company": "At once"}, Idempotency_Key="at-once")
    assert again[0] == 201


@pytest.mark.parametrize("path, row, wrong", [
    ("/v1/teams", {}, {"parentId": "00000000-0000-7000-8000-000000000000"}),
    ("/v1/users", {"role": "sales"}, {"teamId": "00000000-0000-7000-8000-000000000000"}),
    ("/v1/users", {"role": "sales"}, {"login": "with spaces"}),
])
def test_one_row_of_a_bulk_that_names_nobody_stops_no_other(api, path, row, wrong):
    rows = [{"name": f"Row {n}", **({"login": f"{next(iter(wrong))}-{n}"} if "role" in row else {}), **row}
            for n in range(5)]
    rows[2] |= wrong
    answer = api.ok("POST", f"{path}/bulk", rows)
    assert [item["status"] for item in answer["items"]] == [201, 201, 422, 201, 201]
    assert answer["items"][2]["error"]["errors"][0]["path"] == f"/{next(iter(wrong))}"


def test_what_names_a_team_a_line_or_a_product_names_one_that_is_there(platform):
    api = platform.tenant("named")
    account = api.ok("POST", "/v1/accounts", {"name": "Named"})["id"]
    there = {
        "teamId": api.ok("POST", "/v1/teams", {"name": "North"})["id"],
        "businessLineId": api.ok("POST", "/v1/business-lines", {"key": "retail", "name": "Retail"})["id"],
        "productId": api.ok("POST", "/v1/products", {"name": "Piano"})["id"]}
    order = {"accountId": account, "orderedOn": "2026-01-05", "amount": {"amount": "1.00", "currency": "USD"}}
    bodies = {"leads": {"company": "Named"}, "accounts": {"name": "Also named"}, "orders": order}
    for collection, body in bodies.items():
        for member, known in there.items():
            if member == "productId" and collection != "orders":
                continue
            stranger = body | {member: "00000000-0000-7000-8000-000000000000"}
            # The copies of a new tenant are filled within some seconds.
            wait_for(lambda: api.send("POST", f"/v1/{collection}", stranger)[0] == 422, 60)
            refused = api.send("POST", f"/v1/{collection}", stranger, Accept_Language="zh")[2]["errors"][0]
            assert (refused["path"], refused["code"]) == (f"/{member}", "unknownReference")
            assert "没有该" in refused["message"]
            made = api.ok("POST", f"/v1/{collection}", body | {member: known})
            assert made[member] == known


def test_a_bulk_that_is_sent_again_is_one(api):
    rows = [{"company": f"Once more {n}"} for n in range(3)]
    first, again = (api.send("POST", "/v1/leads/bulk", rows, Idempotency_Key="bulk-1") for _ in range(2))
    assert first[0] == again[0] == 200 and first[2] == again[2]
    assert again[1]["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first[1]
    assert len(api.ok("GET", "/v1/leads?q=Once%20more")["items"]) == 3
    assert api.send("POST", "/v1/leads/bulk", rows[:2], Idempotency_Key="bulk-1")[0] == 422


def test_bulk_takes_lines_and_back_dating_needs_the_role(platform, api):
    lines = b'{"company": "Line 1", "occurredAt": "2020-02-03T04:05:06Z"}\n{"company": 2}\n{"company": "Line 3"}\n'
    answer = api.ok("POST", "/v1/leads/bulk", lines, Content_Type="application/x-ndjson")
    assert [row["status"] for row in answer["items"]] == [201, 422, 201]
    assert answer["items"][0]["object"]["createdAt"] == "2020-02-03T04:05:06.000Z" if "object" in answer["items"][
        0] else True
    assert api.ok("GET", "/v1/leads?createdAt.lt=2021-01-01")["items"][0]["company"] == "Line 1"
    sales = platform.key("resources", "sales")
    assert sales.send("POST", "/v1/leads", {"company": "Back-dated", "occurredAt": "2020-01-01T00:00:00Z"})[0] == 403
    future = api.send("POST", "/v1/leads", {"company": "Ahead", "occurredAt": "2199-01-01T00:00:00Z"})
    assert future[0] == 422 and future[2]["errors"][0]["path"] == "/occurredAt"


def test_a_report_waits_for_ones_own_write(api):
    before = api.ok("GET", "/v1/analytics/leads?groupBy=source")["total"]["created"]
    status, headers, _ = api.send("POST", "/v1/leads", {"company": "Seen at once"})
    position = headers["X-Guanxi-Position"]
    assert status == 201 and position
    status, headers, report = api.send("GET", f"/v1/analytics/leads?groupBy=source&waitFor={position}")
    assert status == 200 and report["total"]["created"] > before and headers["X-Guanxi-As-Of"]


def test_messages_speak_the_callers_language(api):
    english = api.send("POST", "/v1/leads", {}, Accept_Language="en")[2]
    chinese = api.send("POST", "/v1/leads", {}, Accept_Language="zh-CN,zh;q=0.9")[2]
    assert english["code"] == chinese["code"] and english["detail"] != chinese["detail"]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese["detail"] + chinese["title"])
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in english["detail"] + english["title"])


def test_methods_and_paths_that_are_not_there(api):
    assert api.send("PUT", "/v1/leads", {})[0] == 405
    status, headers, problem = api.send("DELETE", "/v1/leads")
    assert status == 405 and "GET" in headers["Allow"] and problem["status"] == 405
    assert api.send("GET", "/v1/nothing")[0] == 404
    assert api.send("POST", "/v1/leads", b"<a/>", Content_Type="application/xml")[0] == 415
    assert Caller(api.port).send("GET", "/v1/nothing")[0] in (401, 404)
