import CPostgres
import Runtime

extension PostgresConnection {
    /// Makes a connection for the calling loop (`PQconnectStartParams`, `PQconnectPoll`).
    static func connect(_ configuration: PostgresConfiguration, login: String) async throws -> PostgresConnection {
        let attempt = ConnectionAttempt()
        do {
            return try await withDeadline(.after(configuration.connectTimeout)) {
                try await attempt.run(configuration, login: login)
            }
        } catch is DeadlineExceeded {
            throw PostgresError(.unavailable, "no connection within \(configuration.connectTimeout)")
        }
    }
}

/// One attempt to connect.
private struct ConnectionAttempt: Sendable {
    func run(_ configuration: PostgresConfiguration, login: String) async throws -> PostgresConnection {
        guard let loop = EventLoop.current else {
            throw PostgresError(.usage, "A connection is made on the loop it belongs to.")
        }
        let parameters = configuration.parameters(login: login)
        // The start looks up host names, which blocks.
        let half = HalfOpen(try await Blocking.run { HalfOpen.start(parameters) })
        while true {
            guard let handle = half.handle else { throw PostgresError(.unavailable, "out of memory") }
            if PQstatus(handle) == CONNECTION_BAD { throw failure(handle) }
            switch half.poll() {
            case PGRES_POLLING_READING: try await wait(for: .readable, handle, loop)
            case PGRES_POLLING_WRITING: try await wait(for: .writable, handle, loop)
            case PGRES_POLLING_OK:
                return try PostgresConnection(
                    handle: half.take(), login: login, loop: loop,
                    preparedStatements: configuration.preparedStatements)
            default: throw failure(handle)
            }
        }
    }

    private func failure(_ handle: OpaquePointer) -> PostgresError {
        PostgresError(.unavailable, PostgresConnection.message(handle))
    }

    /// libpq may change its socket between two steps, so each waits with a watcher of its own.
    private func wait(
        for events: DescriptorWatcher.Events, _ handle: OpaquePointer, _ loop: EventLoop
    ) async throws {
        let watcher: DescriptorWatcher
        do {
            watcher = try DescriptorWatcher(loop: loop, descriptor: PQsocket(handle))
        } catch {
            throw PostgresError(.unavailable, error.description)
        }
        defer { watcher.close() }
        let ready = Signal()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                ready.wait(continuation)
                watcher.start(events) { _ in
                    watcher.stop()
                    ready.fire(.success(()))
                }
            }
        } onCancel: {
            loop.execute { ready.fire(.failure(CancellationError())) }
        }
    }
}

/// A continuation that the first of several events resumes.
private final class Signal: @unchecked Sendable {
    // @unchecked: touched only on the loop of the connection attempt.
    private var continuation: CheckedContinuation<Void, any Error>?
    private var outcome: Result<Void, any Error>?

    func wait(_ continuation: CheckedContinuation<Void, any Error>) {
        if let outcome {
            continuation.resume(with: outcome)
        } else {
            self.continuation = continuation
        }
    }

    func fire(_ outcome: Result<Void, any Error>) {
        guard self.outcome == nil else { return }
        self.outcome = outcome
        continuation?.resume(with: outcome)
        continuation = nil
    }
}

/// Owns a `PGconn` until it is connected.
private final class HalfOpen {
    private(set) var handle: OpaquePointer?

    /// A handle on its way from the blocking pool to its loop.
    struct Started: @unchecked Sendable {
        // @unchecked: one owner after the other, ordered by the pool's completion.
        let handle: OpaquePointer?
    }

    init(_ started: Started) { handle = started.handle }

    deinit { PQfinish(handle) }

    static func start(_ parameters: [(keyword: String, value: String)]) -> Started {
        withCStrings(parameters.map(\.keyword)) { keywords in
            withCStrings(parameters.map(\.value)) { values in
                Started(handle: PQconnectStartParams(keywords, values, 0))
            }
        }
    }

    func poll() -> PostgresPollingStatusType { PQconnectPoll(handle) }

    func take() throws(PostgresError) -> OpaquePointer {
        guard let taken = handle else { throw PostgresError(.unavailable, "it closed while connecting") }
        handle = nil
        return taken
    }

    /// A NULL-terminated list of C strings.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
    ) -> Result {
        let copies = strings.map { $0.utf8CString.withUnsafeBufferPointer { duplicate($0) } }
        defer { for copy in copies { copy.deallocate() } }
        let pointers = copies.map { UnsafePointer($0.baseAddress) } + [nil]
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }

    private static func duplicate(_ string: UnsafeBufferPointer<CChar>) -> UnsafeMutableBufferPointer<CChar> {
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: string.count)
        _ = copy.initialize(from: string)
        return copy
    }
}
