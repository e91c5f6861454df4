import Foundation
import Glibc
import Synchronization

/// A real Kafka broker for tests: started once per test process, on free ports, with its data in a temporary folder.
///
/// The distribution is looked for in `KAFKA_HOME` and then in `../shared/kafka` beside the project. Tests that need it
/// say `@Suite(.enabled(if: TestKafka.isAvailable, TestKafka.absence))`.
public actor TestKafka {
    /// Where the broker's distribution is, or `nil`. Says on stderr, once, when there is none.
    public static let home: URL? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let named = ProcessInfo.processInfo.environment["KAFKA_HOME"].map { URL(filePath: $0) }
        let candidates = named.map { [$0] } ?? [root.appending(path: "../shared/kafka").standardizedFileURL]
        for home in candidates
        where FileManager.default.isExecutableFile(atPath: home.appending(path: "bin/kafka-server-start.sh").path) {
            return home
        }
        FileHandle.standardError.write(Data("\n*** NO KAFKA: \(absence)\n\n".utf8))
        return nil
    }()

    public static var isAvailable: Bool { home != nil }

    /// Why Kafka's tests are skipped.
    public static let absence: String = """
        The tests against a real Kafka are SKIPPED: set KAFKA_HOME to an Apache Kafka 4, or put one into \
        ../shared/kafka beside the project.
        """

    private static let shared = TestKafka()

    /// Starts the broker if this process has not yet, and waits until it answers.
    public static func bootstrapServers() async throws -> String { try await shared.address() }

    /// Kills the broker without warning and starts it again on the same data and ports.
    public static func restart() async throws { try await shared.killAndStart() }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    private var starting: Task<String, any Error>?
    private var process: Process?
    private var folder: URL?
    private var ports: (client: Int, controller: Int) = (0, 0)

    private func address() async throws -> String {
        if let starting { return try await starting.value }
        let task = Task { try await prepareAndStart() }
        starting = task
        return try await task.value
    }

    private func prepareAndStart() async throws -> String {
        guard let home = Self.home else { throw Failure(description: Self.absence) }
        let folder = FileManager.default.temporaryDirectory.appending(path: "guanxi-kafka-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        ports = (try Self.freePort(), try Self.freePort())
        let properties = folder.appending(path: "server.properties")
        try Self.properties(ports: ports, data: folder.appending(path: "data")).write(
            to: properties, atomically: true, encoding: .utf8)
        let format = Process()
        format.executableURL = home.appending(path: "bin/kafka-storage.sh")
        format.arguments = ["format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", properties.path]
        format.standardOutput = FileHandle.nullDevice
        try format.run()
        while format.isRunning { try await Task.sleep(for: .milliseconds(20)) }
        guard format.terminationStatus == 0 else { throw Failure(description: "Kafka's storage was not formatted") }
        removeAtExit(folder)
        try await start()
        return "127.0.0.1:\(ports.client)"
    }

    private func killAndStart() async throws {
        _ = try await address()
        if let process {
            // By its own id: a shell started from a loop's thread inherits that thread's blocked signals.
            let text = try folder.map { try String(contentsOf: $0.appending(path: "pid"), encoding: .utf8) } ?? ""
            if let broker = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) { kill(broker, SIGKILL) }
            while process.isRunning { try await Task.sleep(for: .milliseconds(10)) }
        }
        try await start()
    }

    private func start() async throws {
        guard let home = Self.home, let folder else { throw Failure(description: Self.absence) }
        let log = folder.appending(path: "broker.log")
        _ = FileManager.default.createFile(atPath: log.path, contents: nil)
        let broker = Process()
        broker.executableURL = URL(filePath: "/bin/bash")
        // The broker must not outlive the tests, however they end: a shell watches over both.
        broker.arguments = [
            "-c",
            """
            "$1" "$2" & broker=$!
            echo $broker >"$4/pid"
            while kill -0 "$3" 2>/dev/null && kill -0 $broker 2>/dev/null; do sleep 0.2; done
            kill -9 $broker 2>/dev/null; wait
            [ -d "/proc/$3" ] || rm -rf "$4"
            """,
            "broker", home.appending(path: "bin/kafka-server-start.sh").path,
            folder.appending(path: "server.properties").path,
            String(ProcessInfo.processInfo.processIdentifier), folder.path,
        ]
        broker.environment = ProcessInfo.processInfo.environment.merging(
            ["KAFKA_HEAP_OPTS": "-Xms256M -Xmx384M", "LOG_DIR": folder.path]) { $1 }
        let output = try FileHandle(forWritingTo: log)
        broker.standardOutput = output
        broker.standardError = output
        try broker.run()
        process = broker
        let deadline = ContinuousClock.now + .seconds(180)
        while !Self.accepts(ports.client) {
            guard broker.isRunning, ContinuousClock.now < deadline else {
                let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
                throw Failure(description: "Kafka did not start:\n\(text.suffix(2000))")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    private static func properties(ports: (client: Int, controller: Int), data: URL) -> String {
        """
        process.roles=broker,controller
        node.id=1
        controller.quorum.voters=1@127.0.0.1:\(ports.controller)
        listeners=PLAINTEXT://127.0.0.1:\(ports.client),CONTROLLER://127.0.0.1:\(ports.controller)
        advertised.listeners=PLAINTEXT://127.0.0.1:\(ports.client)
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
        inter.broker.listener.name=PLAINTEXT
        log.dirs=\(data.path)
        num.network.threads=2
        num.io.threads=2
        num.partitions=4
        auto.create.topics.enable=false
        default.replication.factor=1
        offsets.topic.replication.factor=1
        offsets.topic.num.partitions=4
        transaction.state.log.replication.factor=1
        transaction.state.log.min.isr=1
        transaction.state.log.num.partitions=4
        share.coordinator.state.topic.replication.factor=1
        share.coordinator.state.topic.min.isr=1
        group.initial.rebalance.delay.ms=0
        broker.session.timeout.ms=2000
        broker.heartbeat.interval.ms=500
        """
    }

    private static func address(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }

    private static func withSocket<Result>(
        _ port: Int, _ body: (Int32, UnsafeMutablePointer<sockaddr>, inout socklen_t) -> Result
    ) -> Result {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = address(port)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body(descriptor, $0, &size) }
        }
    }

    private static func freePort() throws -> Int {
        let port: in_port_t? = withSocket(0) { descriptor, address, size in
            guard bind(descriptor, address, size) == 0, getsockname(descriptor, address, &size) == 0 else { return nil }
            return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                in_port_t(bigEndian: $0.pointee.sin_port)
            }
        }
        guard let port else { throw Failure(description: "no free port on 127.0.0.1") }
        return Int(port)
    }

    private static func accepts(_ port: Int) -> Bool {
        withSocket(port) { descriptor, address, size in connect(descriptor, address, size) == 0 }
    }
}

/// The watching shell removes the folder after a crash; this does after a normal end.
private func removeAtExit(_ folder: URL) {
    leftBehind.withLock { $0 = folder }
    atexit { if let folder = leftBehind.withLock({ $0 }) { try? FileManager.default.removeItem(at: folder) } }
}

private let leftBehind = Mutex<URL?>(nil)
