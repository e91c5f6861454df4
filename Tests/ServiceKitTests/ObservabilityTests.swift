import Foundation
import JSON
import ServiceKit
import Testing
import Values

@Suite struct TraceContextTests {
    @Test func readsAndWritesTraceparent() throws {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let trace = try #require(TraceContext(traceparent: text))
        #expect(trace.traceparent == text && trace.isSampled)
        let child = trace.child()
        #expect(child.traceIDText == "0af7651916cd43dd8448eb211c80319c")
        #expect(child.spanID != trace.spanID && child.isSampled)
        let made = TraceContext()
        #expect(TraceContext(traceparent: made.traceparent) == made)
        #expect(TraceContext(traceparent: "cc" + text.dropFirst(2) + "-what-the-future-brings") != nil)
    }

    @Test(arguments: [
        "", "00", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "领领领领领领领领领领领领领领领领领领领",
    ])
    func refusesWhatIsNone(text: String) { #expect(TraceContext(traceparent: text) == nil) }
}

@Suite struct MetricsTests {
    @Test func expositionIsPrometheusText() async {
        let metrics = MetricsRegistry()
        let family = metrics.counters("app_requests_total", help: "Requests \\ of\nall.", labels: ["path", "code"])
        family.labelled("/a\"b\\\n", "200").increment(by: 2)
        family.labelled("/a\"b\\\n", "200").increment()
        metrics.gauge("app_open", help: "Open.").set(1.5)
        let histogram = metrics.histogram("app_seconds", help: "Time.", bounds: [0.1, 1])
        for value in [0.1, 0.5, 7.0] { histogram.observe(value) }
        metrics.provide("app_pool", .gauge, help: "Pool.") { [.init(3, [("loop", "0")]), .init(.infinity)] }
        #expect(
            await metrics.exposition() == """
                # HELP app_open Open.
                # TYPE app_open gauge
                app_open 1.5
                # HELP app_pool Pool.
                # TYPE app_pool gauge
                app_pool{loop="0"} 3
                app_pool +Inf
                # HELP app_requests_total Requests \\\\ of\\nall.
                # TYPE app_requests_total counter
                app_requests_total{path="/a\\"b\\\\\\n",code="200"} 3
                # HELP app_seconds Time.
                # TYPE app_seconds histogram
                app_seconds_bucket{le="0.1"} 1
                app_seconds_bucket{le="1"} 2
                app_seconds_bucket{le="+Inf"} 3
                app_seconds_sum 7.6
                app_seconds_count 3

                """)
    }

    @Test func countsFromAllThreadsAndStaysBounded() async {
        let metrics = MetricsRegistry()
        let family = metrics.counters("n_total", help: "N.", labels: ["who"])
        let gauge = metrics.gauge("g", help: "G.")
        await withTaskGroup(of: Void.self) { tasks in
            for task in 0..<8 {
                tasks.addTask {
                    for number in 0..<1_000 {
                        family.labelled("same").increment()
                        family.labelled("\(task)-\(number)").increment()
                        gauge.add(1)
                    }
                }
            }
        }
        #expect(family.labelled("same").value == 8_000)
        #expect(gauge.value == 8_000)
        let lines = await metrics.exposition().split(separator: "\n").filter { $0.hasPrefix("n_total{") }
        #expect(lines.count <= Family<Counter>.limit + 1)
        #expect(lines.contains { $0.hasPrefix("n_total{who=\"other\"}") })
    }
}

@Suite struct LoggerTests {
    /// What a logger writes through a pipe, line by line.
    func lines(_ level: Logger.Level = .info, _ write: (Logger) async throws -> Void) async throws -> [JSON] {
        let pipe = Pipe()
        let sink = LogSink(descriptor: pipe.fileHandleForWriting.fileDescriptor)
        try await write(Logger(service: "leads", level: level, sink: sink))
        sink.flush()
        try pipe.fileHandleForWriting.close()
        return try [UInt8](pipe.fileHandleForReading.readDataToEndOfFile()).split(separator: 10).map {
            try JSON.parse(Array($0))
        }
    }

    @Test func everyLineIsAnObjectWithItsScope() async throws {
        let tenant = TenantID.make()
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        let lines = try await lines { logger in
            logger.info("started \"well\"\n", ["port": 8081, "领导": true])
            await RequestScope.run(traceparent: parent, tenant: tenant, requestID: "r1") {
                logger.component("relay").warning("slow")
                #expect(TraceContext.current?.traceparent != parent)
            }
            logger.debug("unseen")
        }
        #expect(lines.count == 2)
        #expect(lines[0]["message"] == "started \"well\"\n" && lines[0]["port"] == 8081 && lines[0]["领导"] == true)
        #expect(lines[0]["time"]?.string.flatMap(Timestamp.init) != nil && lines[0]["traceId"] == nil)
        #expect(lines[1]["component"] == "relay" && lines[1]["level"] == "warning" && lines[1]["service"] == "leads")
        #expect(lines[1]["tenant"] == tenant.json && lines[1]["requestId"] == "r1")
        #expect(lines[1]["traceId"] == "0af7651916cd43dd8448eb211c80319c")
    }

    @Test func secretsAreMasked() async throws {
        let line = try await lines { logger in
            logger.info("in", ["accessToken": "a", "password": "b", "Authorization": "c", "user": "wang"])
        }[0]
        #expect(line["accessToken"] == "***" && line["password"] == "***" && line["Authorization"] == "***")
        #expect(line["user"] == "wang")
    }

    @Test func errorsAreWrittenInFull() async throws {
        struct Failure: Error, CustomDebugStringConvertible { var debugDescription: String { "the whole story" } }
        let line = try await lines { $0.error("broken", error: Failure()) }[0]
        #expect(line["error"] == "the whole story" && line["level"] == "error")
    }
}
