import Testing

@testable import HTTP

/// A message and the status it must be refused with; 0 for one that must be served.
struct StrictCase: Sendable, CustomTestStringConvertible {
    let name: String
    let message: [UInt8]
    let status: Int

    init(_ name: String, _ status: Int, _ message: String) {
        self.init(name, status, bytes: Array(message.utf8))
    }

    init(_ name: String, _ status: Int, bytes: [UInt8]) {
        self.name = name
        self.status = status
        message = bytes
    }

    var testDescription: String { name }

    /// A GET with a Host and these lines.
    static func lines(_ name: String, _ status: Int, _ lines: String, method: String = "POST") -> StrictCase {
        StrictCase(name, status, "\(method) / HTTP/1.1\r\nHost: a\r\n\(lines)\r\n\r\n")
    }

    static func target(_ name: String, _ status: Int, _ target: String, method: String = "GET") -> StrictCase {
        StrictCase(name, status, "\(method) \(target) HTTP/1.1\r\nHost: a\r\n\r\n")
    }

    static let heads: [StrictCase] = [
        lines("length and encoding", 400, "Content-Length: 3\r\nTransfer-Encoding: chunked"),
        lines("encoding and length", 400, "Transfer-Encoding: chunked\r\nContent-Length: 3"),
        lines("two lengths", 400, "Content-Length: 3\r\nContent-Length: 4"),
        lines("two equal lengths", 400, "Content-Length: 3\r\nContent-Length: 3"),
        lines("list of lengths", 400, "Content-Length: 3, 3"),
        lines("signed length", 400, "Content-Length: +3"),
        lines("negative length", 400, "Content-Length: -3"),
        lines("hexadecimal length", 400, "Content-Length: 0x3"),
        lines("empty length", 400, "Content-Length:"),
        lines("length beyond Int", 400, "Content-Length: 99999999999999999999"),
        lines("length beyond the limit", 413, "Content-Length: 9999999999"),
        lines("gzip, chunked", 400, "Transfer-Encoding: gzip, chunked"),
        lines("chunked twice", 400, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        lines("chunked with parameter", 400, "Transfer-Encoding: chunked;q=1"),
        lines("identity", 400, "Transfer-Encoding: identity"),
        StrictCase("chunked on 1.0", 400, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        lines("space before colon", 400, "Content-Length : 3"),
        lines("tab before colon", 400, "X\t: 3"),
        lines("folded line", 400, "X: a\r\n b: c"),
        StrictCase("folded first line", 400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        StrictCase("bare LF", 400, "GET / HTTP/1.1\nHost: a\n\n"),
        lines("bare LF in a value", 400, "X: a\nY: b"),
        lines("bare CR in a value", 400, "X: a\rY: b"),
        lines("CR CR LF", 400, "X: a\r\r\n"),
        lines("NUL in a value", 400, "X: a\0b"),
        lines("NUL in a name", 400, "X\0: a"),
        lines("DEL in a value", 400, "X: a\u{7F}"),
        lines("escape in a value", 400, "X: \u{1B}[0m"),
        StrictCase(
            "broken UTF-8 in a value", 400,
            bytes: Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [0xFF, 13, 10, 13, 10]),
        lines("empty name", 400, ": a"),
        lines("no colon", 400, "abc"),
        lines("letter beyond ASCII in a name", 400, "Ü: a"),
        StrictCase("no Host", 400, "GET / HTTP/1.1\r\n\r\n"),
        lines("two Hosts", 400, "Host: a"),
        StrictCase("Host with a path", 400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        lines("unknown expectation", 417, "Expect: 200-ok\r\nContent-Length: 1"),
        target("absolute form", 400, "http://a/"),
        target("authority form", 400, "a:80"),
        target("asterisk for GET", 400, "*"),
        target("asterisk for OPTIONS", 0, "*", method: "OPTIONS"),
        target("NUL encoded", 400, "/a%00b"),
        target("NUL encoded in the query", 400, "/a?b=%00"),
        target("broken percent", 400, "/a%2"),
        target("broken percent before the query", 400, "/a%2?b"),
        target("percent without digits", 400, "/a?b=%zz"),
        target("backslash", 400, "/a\\b"),
        target("fragment", 400, "/a#b"),
        target("control", 400, "/a\u{1}"),
        target("beyond ASCII", 400, "/ü"),
        target("dot segments", 400, "/a/../b"),
        target("dot segment at the end", 400, "/a/.."),
        target("encoded dot segments", 400, "/a/%2e%2E/b"),
        target("half encoded dot segment", 400, "/a/.%2e?x"),
        target("three dots are a name", 0, "/a/.../b"),
        target("dots in a name", 0, "/a/..b"),
        target("dots in the query", 0, "/a?b=/../c"),
        target("encoded slash kept raw", 0, "/a%2Fb"),
        target("double slash kept raw", 0, "//a//b"),
        target("too long", 414, "/" + String(repeating: "a", count: 8192)),
        target("as long as allowed", 0, "/" + String(repeating: "a", count: 8191)),
        StrictCase("endless target", 414, "GET /" + String(repeating: "a", count: 20_000)),
        StrictCase("two spaces", 400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("four parts", 400, "GET / b HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("trailing space", 400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        StrictCase("leading space", 400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("no version", 400, "GET /\r\n\r\n"),
        StrictCase("two empty lines first", 400, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("one empty line first", 0, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("HTTP/2 preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        StrictCase("HTTP/1.2", 505, "GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
        StrictCase("HTTP/0.9 named", 505, "GET / HTTP/0.9\r\nHost: a\r\n\r\n"),
        StrictCase("version in lower case", 400, "GET / http/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("unknown method", 501, "BREW / HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("CONNECT", 501, "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("method in lower case", 501, "get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("method that is no token", 400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        StrictCase("TLS hello", 400, bytes: [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]),
        StrictCase("1.0 without Host", 0, "GET / HTTP/1.0\r\n\r\n"),
        lines("header section too large", 431, "X: " + String(repeating: "a", count: 16_400)),
        lines("100 lines", 0, (0..<99).map { "X\($0): a" }.joined(separator: "\r\n"), method: "GET"),
        lines("101 lines", 431, (0..<100).map { "X\($0): a" }.joined(separator: "\r\n")),
        StrictCase("cut head", 400, "GET / HTTP/1.1\r\nHost: a\r\n"),
        lines("value of any UTF-8", 0, "X: \u{4F60}\u{597D}", method: "GET"),
    ]

    static func chunked(_ name: String, _ valid: Bool, _ body: String) -> StrictCase {
        StrictCase(
            name, valid ? 0 : 400, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\(body)")
    }

    static let bodies: [StrictCase] = [
        chunked("plain", true, "5\r\nhello\r\n0\r\n\r\n"),
        chunked("upper-case size", true, "A\r\n0123456789\r\n0\r\n\r\n"),
        chunked("eight digits", true, "00000005\r\nhello\r\n0\r\n\r\n"),
        chunked("nine digits", false, "000000005\r\nhello\r\n0\r\n\r\n"),
        chunked("prefix 0x", false, "0x5\r\nhello\r\n0\r\n\r\n"),
        chunked("no size", false, "\r\nhello\r\n0\r\n\r\n"),
        chunked("space after size", false, "5 \r\nhello\r\n0\r\n\r\n"),
        chunked("negative size", false, "-5\r\nhello\r\n0\r\n\r\n"),
        chunked("size ends in LF", false, "5\nhello\r\n0\r\n\r\n"),
        chunked("data longer than size", false, "4\r\nhello\r\n0\r\n\r\n"),
        chunked("data ends in LF", false, "5\r\nhello\n0\r\n\r\n"),
        chunked("extension ignored", true, "5;name=\"va;lue\"\r\nhello\r\n0;x\r\n\r\n"),
        chunked("control in extension", false, "5;a\u{1}\r\nhello\r\n0\r\n\r\n"),
        chunked("extension too long", false, "5;\(String(repeating: "a", count: 256))\r\nhello\r\n0\r\n\r\n"),
        chunked(
            "extensions too long in all", false,
            String(repeating: "1;\(String(repeating: "a", count: 99))\r\nx\r\n", count: 3) + "0\r\n\r\n"),
        chunked("trailer dropped", true, "5\r\nhello\r\n0\r\nContent-Length: 9\r\nX: y\r\n\r\n"),
        chunked("folded trailer", false, "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n"),
        chunked("trailer ends in LF", false, "5\r\nhello\r\n0\r\nX: y\n\r\n"),
        chunked("trailers too long", false, "0\r\n" + String(repeating: "X: yyyyyyyy\r\n", count: 400) + "\r\n"),
    ]
}

@Suite struct StrictnessTests {
    @Test(arguments: StrictCase.heads) func headIsServedOrRefused(_ item: StrictCase) {
        let outcomes = MachineDriver.outcomes(pieces: [item.message])
        if item.status == 0 {
            guard case .request = outcomes.first else {
                Issue.record("\(outcomes)")
                return
            }
        } else {
            #expect(outcomes == [.refused(item.status), .closed])
        }
    }

    @Test(arguments: StrictCase.bodies) func chunkedBodyIsServedOrRefused(_ item: StrictCase) {
        let outcomes = MachineDriver.outcomes(pieces: [item.message])
        if item.status == 0 {
            guard case .request(_, let body, let headers) = outcomes.first else {
                Issue.record("\(outcomes)")
                return
            }
            #expect(body == "hello" || body == "0123456789")
            #expect(headers == ["Host=a", "Transfer-Encoding=Chunked"], "trailers are not headers")
        } else {
            guard case .brokenBody(.malformed) = outcomes.first else {
                Issue.record("\(outcomes)")
                return
            }
            #expect(outcomes.last == .closed)
        }
    }

    /// Bytes behind a refused message are never read as a request.
    @Test(arguments: StrictCase.heads + StrictCase.bodies) func nothingIsServedAfterARefusal(_ item: StrictCase) {
        // A head that is only cut short is no refusal while more may come.
        guard item.status != 0, item.name != "cut head" else { return }
        let smuggled = Array("\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        for outcome in MachineDriver.outcomes(pieces: [item.message + smuggled]) {
            if case .request = outcome { Issue.record("served \(outcome)") }
        }
    }

    /// Every message gives the same byte by byte and in random pieces as at once.
    @Test(arguments: StrictCase.heads + StrictCase.bodies) func piecesDoNotMatter(_ item: StrictCase) {
        let whole = MachineDriver.outcomes(pieces: [item.message])
        #expect(MachineDriver.outcomes(pieces: item.message.map { [$0] }) == whole)
        for _ in 0..<8 {
            var pieces: [[UInt8]] = []
            var rest = item.message[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...max(1, min(40, rest.count))))
                pieces.append(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            #expect(MachineDriver.outcomes(pieces: pieces) == whole, "\(pieces.map(\.count))")
        }
    }
}
