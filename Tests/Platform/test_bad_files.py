"""CSV files as people save them and as they break them: every row gets its result, a bad one stops no other."""

import pytest
from calls import wait_for


@pytest.fixture(scope="module")
def api(platform):
    return platform.tenant("bad-files")


def load(api, content, query="", path="/v1/leads"):
    """The finished job and the results of its rows."""
    status, headers, job = api.send("POST", f"{path}/imports{query}", content, Content_Type="text/csv")
    assert status == 202, job

    def ended():
        job = api.ok("GET", headers["Location"])
        return job["status"] in ("done", "failed") and job

    return wait_for(ended), api.ok("GET", f"{headers['Location']}/rows?limit=500")["items"]


def company(api, row):
    return api.ok("GET", f"/v1/leads/{row['id']}")["company"]


TEXT = "company,person\n深圳云海科技有限公司,李雷\n".encode


@pytest.mark.parametrize("content,query", [
    (TEXT(), ""), (b"\xef\xbb\xbf" + TEXT(), ""), (b"\xef\xbb\xbf" + TEXT(), "?encoding=utf-8"),
    (TEXT("gb18030"), ""), (TEXT("gb18030"), "?encoding=gb18030"), (TEXT("utf-16"), ""),
    (b"\xfe\xff" + TEXT("utf-16-be"), ""), (TEXT().replace(b"\n", b"\r\n"), ""), (TEXT().replace(b"\n", b"\r"), ""),
    (TEXT()[:-1], ""), ("公司,联系人\n深圳云海科技有限公司,李雷\n".encode("gb18030"), "")],
    ids=["utf-8", "bom", "bom-declared", "gb18030", "gb18030-declared", "utf-16", "utf-16-be", "crlf", "cr", "no-end",
         "chinese-headings"])
def test_files_as_people_save_them(api, content, query):
    job, rows = load(api, content, query)
    assert (job["status"], job["rows"], job["refused"], job["ignoredColumns"]) == ("done", 1, 0, []), job
    assert company(api, rows[0]) == "深圳云海科技有限公司"


def test_broken_quoting_stops_no_other_row(api):
    job, rows = load(api, b'company,person\nFirst,a\n"Broken"text,b\nUn"quoted,c\n"Second ""Ltd""",d\n"never closed,e\n')
    assert [row["status"] for row in rows] == ["created", "refused", "refused", "created", "refused"]
    assert [row["line"] for row in rows] == [2, 3, 4, 5, 6]
    assert {row["error"]["reason"] for row in rows if row["error"]} == {"csv_quoting"}
    assert company(api, rows[3]) == 'Second "Ltd"'
    assert (job["created"], job["refused"]) == (2, 3)


@pytest.mark.parametrize("line,reason", [
    (b"a,b,c", "csv_columns"), (b"a", "csv_columns"), (b"a\0b,c", "csv_nul"), (b"\xff\xfe\xfd,b", "csv_encoding"),
    (b"a" * 70_000 + b",b", "csv_field_too_large")], ids=["more", "fewer", "nul", "encoding", "large"])
def test_a_row_that_cannot_be_read_says_why(api, line, reason):
    _, rows = load(api, b"company,person\nBefore,a\n" + line + b"\nAfter,b\n", "?encoding=utf-8")
    assert [row["status"] for row in rows] == ["created", "refused", "created"]
    assert rows[1]["line"] == 3 and rows[1]["error"]["reason"] == reason and rows[1]["error"]["detail"]


def test_a_value_that_is_none_names_its_field(api):
    _, rows = load(api, b"company,amount,occurredAt\nA,-5,\nB,12.345,\nC,many,\nD,5,99999-01-01\nE,5.00,2026-01-02\n")
    assert [row["status"] for row in rows] == ["refused"] * 4 + ["created"]
    assert [row["error"]["errors"][0]["path"].split("/")[1] for row in rows[:4]] == ["amount"] * 3 + ["occurredAt"]


@pytest.mark.parametrize("content,reason", [
    (b"", "empty"), (b"\xef\xbb\xbf", "empty"), (b"\n\n", "empty"), (b"company,company\nA,B\n", "twice"),
    (b"company,\nA,B\n", "no name"), (b"colour,size\nred,9\n", "mapping"), (b'"company\nA\n', "header"),
    (b"com\0pany\nA\n", "NUL"), (b"\x89PNG\r\n\x1a\n\0\0\0", ""), (b"PK\x03\x04\x14\0\0\0", ""),
    (",".join(f"c{n}" for n in range(500)).encode() + b"\n" + b"," * 499 + b"\n", "500 columns"),
    (b"company" + b"y" * 2_000_000 + b"\nA\n", "")],
    ids=["nothing", "only-bom", "only-lines", "twice", "unnamed", "unknown", "open", "nul", "png", "zip", "500", "long"])
def test_a_file_that_cannot_be_read_says_why(api, content, reason):
    status, headers, answer = api.send("POST", "/v1/leads/imports", content, Content_Type="text/csv")
    if status == 202:
        answer = wait_for(lambda: (job := api.ok("GET", headers["Location"]))["status"] == "failed" and job)
        text = answer["error"]
    else:
        assert status in (400, 422), answer
        text = answer["detail"]
    assert text and reason.lower() in text.lower()


@pytest.mark.parametrize("query", [
    "encoding=ebcdic", "mapping=%5B%5D", "mapping=%7B", "mapping=%7B%22a%22%3A%22nothing%22%7D", "nothing=1"])
def test_wrong_parameters_are_named(api, query):
    status, _, problem = api.send("POST", f"/v1/leads/imports?{query}", TEXT(), Content_Type="text/csv")
    assert status == 400 and problem["errors"][0]["path"] == query.split("=")[0]


def test_another_media_type_is_refused(api):
    assert api.send("POST", "/v1/leads/imports", TEXT(), Content_Type="application/json")[0] == 415


def test_bad_rows_of_a_bulk_stop_no_other(api):
    lines = [b'{"company": "One"}', b"{", b'{"company": "T\xff"}', b"[]", b'{"company": 7}', b"\0", b"7",
             b'{"company": "' + b"a" * 301 + b'"}', b'{"company": "Two"}']
    status, _, answer = api.send("POST", "/v1/leads/bulk", b"\n".join(lines), Content_Type="application/x-ndjson")
    assert status == 200, answer
    statuses = [item["status"] for item in answer["items"]]
    assert statuses[0] == statuses[-1] == 201 and set(statuses[1:-1]) <= {400, 422} and len(statuses) == len(lines)


def test_a_bulk_of_too_many_is_refused_whole(api):
    before = len(api.ok("GET", "/v1/leads?limit=500")["items"])
    body = b"\n".join([b'{"company": "Many"}'] * 10_001)
    assert api.send("POST", "/v1/leads/bulk", body, Content_Type="application/x-ndjson")[0] in (413, 422)
    assert len(api.ok("GET", "/v1/leads?limit=500")["items"]) == before
