import Testing

@testable import HTTP

@Suite struct ConnectionMachineTests {
    private let pipeline =
        "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        + "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
        + "GET /4 HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Close\r\n\r\nGET /5 HTTP/1.1\r\nHost: a\r\n\r\n"

    private func targets(_ outcomes: [MachineDriver.Outcome]) -> [String] {
        outcomes.compactMap { if case .request(let line, let body, _) = $0 { "\(line)[\(body)]" } else { nil } }
    }

    @Test func pipelinedRequestsAreServedInOrderUntilClose() {
        let expected = ["POST /1[ab]", "GET /2[]", "POST /3[x]", "GET /4[]"]
        let whole = MachineDriver.outcomes(pipeline)
        #expect(targets(whole) == expected)
        #expect(whole.last == .closed)
        #expect(MachineDriver.outcomes(pieces: pipeline.utf8.map { [$0] }) == whole)
    }

    @Test func aSecondRequestWaitsForTheFirstAnswer() {
        var machine = ConnectionMachine(limits: HTTPLimits(), maximumRequests: 10)
        let two = Array("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        two.withUnsafeBytes { machine.received($0) }
        guard case .start(let first, _) = machine.next() else {
            Issue.record("no request")
            return
        }
        #expect(first.target == "/1")
        if let action = machine.next() { Issue.record("unexpected \(action)") }
        let staysOpen = machine.responded()
        #expect(staysOpen)
        machine.finished()
        guard case .start(let second, _) = machine.next() else {
            Issue.record("no second request")
            return
        }
        #expect(second.target == "/2")
    }

    @Test func whatIsSentAheadIsBounded() {
        var limits = HTTPLimits()
        limits.buffered = 1000
        var machine = ConnectionMachine(limits: limits, maximumRequests: 10)
        let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        request.withUnsafeBytes { machine.received($0) }
        guard case .start = machine.next() else {
            Issue.record("no request")
            return
        }
        #expect(machine.wantsInput)
        for _ in 0..<50 { request.withUnsafeBytes { machine.received($0) } }
        #expect(!machine.wantsInput)
        if let action = machine.next() { Issue.record("unexpected \(action)") }
    }

    @Test func continueIsSentOnlyWhenTheBodyIsAskedFor() {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        var driver = MachineDriver()
        driver.feed(Array(head.utf8))
        #expect(driver.outcomes == [.sentContinue])
        driver.feed(Array("hello".utf8))
        #expect(targets(driver.outcomes) == ["POST /[hello]"])

        // A handler that answers without reading: no 100, and the connection ends.
        var machine = ConnectionMachine(limits: HTTPLimits(), maximumRequests: 10)
        Array(head.utf8).withUnsafeBytes { machine.received($0) }
        guard case .start(_, body: nil) = machine.next() else {
            Issue.record("no request")
            return
        }
        if let action = machine.next() { Issue.record("unexpected \(action)") }
        let staysOpen = machine.responded()
        #expect(!staysOpen)
        machine.finished()
        guard case .close(lingering: true) = machine.next() else {
            Issue.record("stayed open")
            return
        }
    }

    @Test func aSmallUnreadBodyIsDroppedAndALargeOneEndsTheConnection() {
        for (length, stays) in [(1000, true), (10_000_000, false)] {
            var machine = ConnectionMachine(limits: HTTPLimits(), maximumRequests: 10)
            let head = Array("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\n".utf8)
            head.withUnsafeBytes { machine.received($0) }
            guard case .start = machine.next() else {
                Issue.record("no request")
                return
            }
            let staysOpen = machine.responded()
            #expect(staysOpen == stays)
            machine.finished()
            guard stays else {
                guard case .close(lingering: true) = machine.next() else {
                    Issue.record("stayed open")
                    return
                }
                continue
            }
            if let action = machine.next() { Issue.record("unexpected \(action)") }
            let rest =
                Array(repeating: UInt8(ascii: "x"), count: length) + Array("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
            rest.withUnsafeBytes { machine.received($0) }
            guard case .start(let next, _) = machine.next() else {
                Issue.record("no second request")
                return
            }
            #expect(next.target == "/2")
        }
    }

    @Test func aBodyCutByTheClientFailsItsReader() {
        let outcomes = MachineDriver.outcomes("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        #expect(outcomes == [.brokenBody(.interrupted), .closed])
    }

    @Test func drainClosesAnIdleConnectionAndTheLastOfManyRequests() {
        var driver = MachineDriver(maximumRequests: 2)
        let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        driver.feed(request + request + request)
        #expect(targets(driver.outcomes).count == 2)
        #expect(driver.outcomes.last == .closed)
        var idle = MachineDriver()
        idle.feed(request)
        idle.drain()
        #expect(idle.outcomes.last == .closed)
    }

    @Test func answersCannotBreakOutOfTheirHeaders() {
        let response = HTTPResponse(
            .ok, headers: ["X": "a\r\nSet-Cookie: b", "B\r\nad": "c", "Content-Length": "9", "Connection": "x"],
            body: .text("hey"))
        let context = ResponseEncoder.Context(method: .get, isHTTP10: false, keepsAlive: true, requestID: "id")
        var bytes: [UInt8] = []
        #expect(ResponseEncoder.encode(response, context, date: Array("D".utf8), into: &bytes) == .length(3))
        #expect(
            String(decoding: bytes, as: UTF8.self)
                == "HTTP/1.1 200 OK\r\nDate: D\r\nX: a  Set-Cookie: b\r\nX-Request-Id: id\r\nContent-Length: 3\r\n\r\n")
    }

    @Test func bodilessAnswersHaveNoFraming() {
        func head(_ response: HTTPResponse, _ method: HTTPMethod, http10: Bool = false) -> (
            ResponseEncoder.Framing, String
        ) {
            let context = ResponseEncoder.Context(method: method, isHTTP10: http10, keepsAlive: true, requestID: "id")
            var bytes: [UInt8] = []
            let framing = ResponseEncoder.encode(response, context, date: [], into: &bytes)
            return (framing, String(decoding: bytes, as: UTF8.self))
        }
        let stream = HTTPBody.stream { nil }
        #expect(head(HTTPResponse(.noContent, body: .text("x")), .get).0 == .none)
        #expect(!head(HTTPResponse(.noContent), .get).1.contains("Content-Length"))
        #expect(head(HTTPResponse(.ok, body: .text("hey")), .head).1.contains("Content-Length: 3"))
        #expect(head(HTTPResponse(.ok, headers: ["Content-Length": "7"]), .head).1.contains("Content-Length: 7"))
        #expect(head(HTTPResponse(.ok, body: stream), .get).0 == .chunked)
        #expect(head(HTTPResponse(.ok, body: stream), .get, http10: true).0 == .untilClose)
        #expect(head(HTTPResponse(.ok), .get).1.contains("Content-Length: 0"))
    }
}
