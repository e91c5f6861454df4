"""Requests that two servers could read differently, and paths that could lead elsewhere, as raw bytes."""

from wire import bearer

INTERNAL = ('"eventlog"', '"consumers"', "guanxi_http", '"deadletters"', "# help")


class Smuggling:
    def __init__(self, gateway, judge, mine, theirs, services):
        self.gateway, self.judge, self.mine, self.theirs = gateway, judge, mine, theirs
        self.internal_port = services["leads"][1]
        self.key = f"Authorization: Bearer {mine.key}\r\n"

    def attempts(self):
        for target in self.targets():
            for method in ("GET", "DELETE", "POST", "OPTIONS"):
                yield lambda target=target, method=method: self.path(method, target)
        for name, content in self.framings():
            for _ in range(2):
                yield lambda name=name, content=content: self.framing(name, content)

    # Paths

    def targets(self):
        b = self.theirs.id
        lead = self.theirs.of("lead")[0]
        own = self.mine.of("lead")[0]
        inner = ["internal/status", f"internal/tenants/{b}", "metrics", "internal/dead-letters", "v1/tenants"]
        ups = [
            "..", "%2e%2e", "%2E.", ".%2e", "..;", "..%00", "%252e%252e", "..%2f..", "..\\..", "%c0%ae%c0%ae", "．．",
            ".%09.", "..%3b", "%2e%2e%2f%2e%2e", "....//"]
        for up in ups:
            for one in inner:
                yield f"/v1/leads/{up}/{up}/{one}"
                yield f"/v1/leads/{own}/{up}/{up}/{up}/{one}"
        for one in inner:
            yield from (
                f"/{one}", f"//{one}", f"/v1/leads//{one}", f"/./{one}", f"/v1/leads;/{one}", f"/v1/leads%2f..%2f{one}",
                f"http://127.0.0.1:{self.internal_port}/{one}", f"//127.0.0.1:{self.internal_port}/{one}",
                f"/v1/leads/@127.0.0.1:{self.internal_port}/{one}", f"/v1/leads#/../{one}", f"/v1/leads?/../../{one}",
                f"/v1/leads%3f/../{one}", f"/v1/leads%23/{one}", f"\\{one}", f"/v1/leads\\..\\..\\{one}", f"/%2f{one}")
        yield from (
            f"/v1/leads/{own}/../{lead}", f"/v1/leads/{own}%2f..%2f{lead}", f"/v1/leads/{lead}%00", f"/v1/leads/{lead};",
            f"/v1/leads/{lead}/", f"/v1/leads/{lead}%20", f"/V1/LEADS/{lead}", f"/v1/leads/{lead}?tenant={b}",
            f"/v1/leads;tenant={b}/{lead}", f"/{b}/v1/leads/{lead}", f"/v1/tenants/{b}/leads/{lead}",
            f"/v1/leads/{lead.replace('-', '%2d')}", f"/v1/leads/{{{lead}}}", f"/v1/leads/urn:uuid:{lead}", "*")

    def path(self, method, target):
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n{self.key}Connection: close\r\n"
        head += "Content-Length: 2\r\nContent-Type: application/json\r\n\r\n{}" if method == "POST" else "\r\n"
        answer = self.gateway.raw(head.encode("utf-8", "surrogateescape"))
        self.judged("paths", f"{method} {target}", answer, may_be_silent=False)

    # Framing

    def framings(self):
        """(name, bytes): each hides a second request, for an internal address or for whoever comes next."""
        hidden = (
            f"GET /internal/status HTTP/1.1\r\nHost: localhost:{self.internal_port}\r\n"
            f"Guanxi-Tenant: {self.theirs.id}\r\nX: ")
        lead = '{"company":"smuggled"}'
        def post(headers, body, path="/v1/leads", version="HTTP/1.1", host="Host: localhost\r\n"):
            return (
                f"POST {path} {version}\r\n{host}{self.key}Content-Type: application/json\r\n{headers}\r\n{body}"
            ).encode("latin-1")
        chunked = f"{len(lead):x}\r\n{lead}\r\n0\r\n\r\n"
        whole = f"Content-Length: {len(lead)}\r\n"
        for name in (
                "chunked", " chunked", "xchunked", "chunked, identity", "identity, chunked", "chunked\t", "Chunked",
                "\"chunked\"", "chunked;q=1", "\x0bchunked", "gzip, chunked", "chunked, chunked", "identity"):
            both = f"{whole}Transfer-Encoding: {name}\r\n"
            yield f"CL and TE {name!r}", post(both, chunked + hidden)
            yield f"TE {name!r} and CL", post(f"Transfer-Encoding: {name}\r\n{whole}", chunked + hidden)
            yield f"TE {name!r} alone", post(f"Transfer-Encoding: {name}\r\n", chunked + hidden)
        for name in (
                "Transfer-Encoding : chunked", " Transfer-Encoding: chunked", "Transfer_Encoding: chunked",
                "Transfer-Encoding:\r\n chunked", "X: y\nTransfer-Encoding: chunked", "Transfer-Encoding\r\n: chunked",
                "X: y\rTransfer-Encoding: chunked", "\x00Transfer-Encoding: chunked",
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"):
            yield f"header {name!r}", post(f"{whole}{name}\r\n", chunked + hidden)
        for length in (
                "5, 5", "+22", "-1", "0x16", "22 ", "22\r\nContent-Length: 5", "5\r\nContent-Length: 22", "022",
                "99999999999999999999", "2 2", "22,5", "", "1e1", "２２"):
            yield f"Content-Length {length!r}", post(
                f"Content-Length: {length}\r\n".encode("utf-8").decode("latin-1"), lead + hidden)
        for size in ("g", "-1", "+16", "0x16", "16;" + "x" * 300, "16 ", "100000016", "", "16\n", "1_6"):
            yield f"chunk size {size!r}", post("Transfer-Encoding: chunked\r\n", f"{size}\r\n{lead}\r\n0\r\n\r\n{hidden}")
        for host in (
                "", "Host: localhost\r\nHost: other\r\n", "Host: a b\r\n", "Host: localhost\r\nhost: localhost\r\n",
                f"Host: {self.theirs.slug}\r\n", "Host : localhost\r\n", "Host: localhost\r\n evil\r\n",
                "Host: localhost/internal\r\n", "Host: user@localhost\r\n"):
            yield f"hosts {host!r}", post(whole, lead + hidden, host=host)
        for version in ("HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/1.1 x", "http/1.1", "HTTP/0.9", ""):
            yield f"version {version!r}", post(
                whole + "Transfer-Encoding: chunked\r\n", chunked + hidden, version=version)
        for path in ("/v1/leads HTTP/1.1\r\nX:", "/v1/leads\tx", "/v1/leads\x00", "/v1/leads\x7f", "/v1/le\nads"):
            yield f"target {path!r}", post(whole, lead + hidden, path=path)
        yield "trailers", post(
            "Transfer-Encoding: chunked\r\nTrailer: Guanxi-Identity, Authorization\r\n",
            f"{len(lead):x}\r\n{lead}\r\n0\r\nGuanxi-Identity: x\r\nAuthorization: Bearer x\r\n\r\n")
        yield "upgrade", post(f"{whole}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n", lead + hidden)
        yield "expect", post(f"{whole}Expect: 100-continue\r\n", lead + hidden)
        yield "preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden.encode()
        for method, path in (("CONNECT", f"127.0.0.1:{self.internal_port}"), ("TRACE", "/v1/leads"), ("PURGE", "/")):
            yield method, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{self.key}\r\n{hidden}".encode()

    def framing(self, name, content):
        self.judged("framing", name, self.gateway.raw(content, patience=0.4))
        # Whoever comes next on the gateway's connections gets an answer of their own.
        own = self.theirs.gateway.send("GET", "/v1/leads/by-external/crm/1", [bearer(self.theirs.key)])
        reason = None if own.status == 200 and self.theirs.canary in own.text else "the next caller's answer is not his"
        self.judge.saw("the next caller", f"after {name}", reason, own.text)

    def judged(self, kind, what, text, may_be_silent=True):
        """No answer of an attempt may be an internal one, or hold anything of B. Bytes that are no HTTP need get none."""
        seen, reason = text.lower(), None
        if self.theirs.canary in seen:
            reason = "the canary of B"
        elif any(word in seen for word in INTERNAL):
            reason = "an internal answer"
        elif any(f"http/1.1 {status}" in seen for status in (500, 502, 504)):
            reason = "a server's error"
        status = int(text[9:12]) if text[9:12].isdigit() else 0
        if reason is None and status == 0 and not may_be_silent:
            reason = "no answer"
        self.judge.note(kind, what, reason, status, text)
