"""The callers that keep a pace: their times run from when a request was due."""

import asyncio
import time

import crowd

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def paced(rate, seconds, make, **more):
    async def all_of_it():
        async def serve(reader, writer):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(ANSWER)
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            return await crowd.paced(server.sockets[0].getsockname()[1], rate, seconds, make, **more)
        finally:
            server.close()
    return asyncio.run(all_of_it())


def stands_still_once(number):
    if number == 0:
        time.sleep(0.3)
    return crowd.request("GET", "/")


def test_a_request_that_is_sent_late_has_waited():
    answers, unsent = paced(20, 0.5, stands_still_once)
    assert unsent == 0 and len(answers) == 10
    assert max(answer.seconds for answer in answers) >= 0.3


def test_a_request_that_is_overdue_is_not_sent_and_is_counted():
    answers, unsent = paced(20, 0.5, stands_still_once, patience=0.1)
    assert unsent >= 3 and len(answers) + unsent == 10
