import JSON
import Runtime
import ServiceKit
import Synchronization
import Testing

@Suite struct LifecycleTests {
    struct Refusal: Error, CustomStringConvertible { let description: String }

    /// What happened, in order.
    final class Diary: Sendable {
        private let lines = Mutex<[String]>([])
        func note(_ line: String) { lines.withLock { $0.append(line) } }
        var all: [String] { lines.withLock { $0 } }

        func part(_ name: String, startFails: Bool = false, run: @escaping @Sendable () async throws -> Void = {})
            -> Part
        {
            Part(
                name,
                start: {
                    if startFails { throw Refusal(description: "port 80 is taken") }
                    self.note("start \(name)")
                }, run: run, stop: { _ in self.note("stop \(name)") })
        }
    }

    /// Runs components until `stop` has yielded.
    func run(
        _ components: [any Component], deadline: Duration = .seconds(5),
        _ stop: @escaping @Sendable (AsyncStream<Void>.Continuation) async -> Void = { $0.yield() },
        onImpatience: @escaping @Sendable () -> Void = {}
    ) async -> ServiceRunner.Outcome {
        let group = EventLoopGroup(count: 1)
        let runner = ServiceRunner(
            components: components, group: group, logger: Logger(service: "test", level: .error),
            drainDeadline: deadline)
        let (requests, continuation) = AsyncStream.makeStream(of: Void.self)
        let outcome = await runner.run(
            stopRequests: requests, onReady: { await stop(continuation) }, onImpatience: onImpatience)
        await group.shutdown()
        return outcome
    }

    @Test func startsInOrderAndStopsInReverse() async {
        let diary = Diary()
        let cancelled = Mutex(false)
        let parts = [
            diary.part("database"),
            diary.part("relay") {
                do { try await Task.sleep(for: .seconds(600)) } catch { cancelled.withLock { $0 = true } }
            }, diary.part("server"),
        ]
        #expect(await run(parts) == .stopped)
        #expect(
            diary.all == [
                "start database", "start relay", "start server", "stop server", "stop relay", "stop database",
            ])
        #expect(cancelled.withLock { $0 })
    }

    @Test func aFailedStartSaysWhatAndStopsWhatRan() async {
        let diary = Diary()
        let parts = [diary.part("database"), diary.part("server", startFails: true), diary.part("never")]
        #expect(await run(parts) == .startFailed("server did not start: port 80 is taken"))
        #expect(diary.all == ["start database", "stop database"])
    }

    @Test func aFailureWhileRunningEndsTheService() async {
        let diary = Diary()
        let parts = [diary.part("server"), diary.part("relay") { throw Refusal(description: "lost its slot") }]
        let outcome = await run(parts) { _ in }
        #expect(outcome == .failed("relay failed: lost its slot"))
        #expect(diary.all.suffix(2) == ["stop relay", "stop server"])
    }

    @Test func drainingHasADeadlineAndASecondRequestIsImpatient() async {
        let impatient = Mutex(0)
        let (seen, tell) = AsyncStream.makeStream(of: Void.self)
        let stubborn = Part("stubborn", stop: { _ in try? await Task.sleep(for: .seconds(600)) })
        let started = ContinuousClock.now
        let outcome = await run(
            [stubborn], deadline: .milliseconds(300),
            { continuation in
                continuation.yield()
                continuation.yield()
                for await _ in seen { break }
            },
            onImpatience: {
                impatient.withLock { $0 += 1 }
                tell.yield()
            })
        #expect(outcome == .stopped)
        #expect(impatient.withLock { $0 } == 1)
        #expect(started.duration(to: .now) < .seconds(30))
    }

    @Test func healthNamesWhatIsMissing() async {
        let health = Health()
        health.add("database") {}
        #expect(await !health.report().isReady)
        health.phase = .running
        #expect(await health.report().isReady)
        health.add("feed", isRequired: false) { throw Refusal(description: "nobody feeds") }
        let degraded = await health.report()
        #expect(degraded.isReady)
        #expect(degraded.json["status"] == "degraded")
        #expect(degraded.json["missing"] == ["feed"])
        health.add("eventLog") { throw Refusal(description: "no broker answers at localhost:9092") }
        let report = await health.report()
        #expect(!report.isReady)
        #expect(report.json["missing"] == ["feed", "eventLog"])
        #expect(report.json["dependencies"]?["eventLog"] == "no broker answers at localhost:9092")
        #expect(report.json["dependencies"]?["database"] == "ok")
        health.phase = .draining
        #expect(await health.report().json["phase"] == "draining")
    }
}
