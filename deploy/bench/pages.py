"""Pages out of a large table: a filtered and sorted list, a list by owner, a search, and the look for duplicates."""

from drive import fill, pgbench, psql, wrk

FILTERED = "/v1/leads?limit=50&status=new&region=Central&sort=-createdAt"
DEEP = 200  # pages followed


def fill_up(database, names, count):
    there = int(psql(database, f'select count(*) from "{names["schema"]}".leads')[0])
    psql(database, fill("fill_leads.sql", names), count=max(0, count - there))


def measure(bench):
    """(what, p99 in milliseconds, the floor's p99, what is promised) for each kind of page."""
    kinds = [
        ("filtered and sorted page of 50", _followed(bench.api, FILTERED), "page.sql", 8),
        ("page of 50 of one owner", [_owned(number) for number in range(200)], None, 8),
        ("page of 50 of a search", [_searched(number) for number in range(7, 3000, 7)], None, 15),
    ]
    for what, paths, script, promise in kinds:
        floor = script and pgbench(bench.database, script, bench.options.seconds, 2, bench.names)["p99"]
        ours = wrk(bench.url, bench.api.key, "get", bench.options.seconds, 2, paths)
        print(f"       {what}: {ours['rate']:,.0f}/s, p50 {ours['p50']:.1f} ms", flush=True)
        yield what, ours["p99"], floor, promise
    ours = wrk(bench.url, bench.api.key, "twin", bench.options.seconds, 2)
    yield "POST of a lead that is there already", ours["p99"], None, 15


def _followed(api, first):
    """The pages of a list, each by its cursor."""
    paths, cursor = [], None
    while len(paths) < DEEP:
        paths.append(first + (f"&cursor={cursor}" if cursor else ""))
        cursor = api.get(paths[-1])["nextCursor"]
        if cursor is None:
            break
    return paths


def _owned(number):
    return f"/v1/leads?limit=50&ownerId=01910000-0000-7000-8000-00000000{number:04}&sort=-createdAt"


def _searched(number):
    """By the beginning of an address, or by a phone."""
    text = f"p{number * 331}@fill" if number % 2 else f"8615{number * 331:09}"
    return f"/v1/leads?limit=50&q={text}"
