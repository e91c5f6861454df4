import CPostgres
import Runtime

// Cancelling what runs on the server: libpq 15 can only do it by a second, blocking connection (`PQcancel`). A flight ends
// only after its cancel request has, or the request would hit the next one. A server that takes the connection and then
// does nothing, as one that is stopped, holds the request for as long as it likes: so it has a thread of its own, and the
// connection is closed when it takes too long, whatever the request does.

extension PostgresConnection {
    /// How long a server that was asked to cancel may take before the connection is given up.
    static let patience = Duration.seconds(5)

    /// From a task's cancellation handler: any thread.
    func cancelFromAnywhere(_ flight: Flight) {
        loop.execute { self.cancel(flight) }
    }

    func cancel(_ flight: Flight) {
        loop.preconditionOnLoop()
        guard !flight.isFinished else { return }
        flight.isCancelled = true
        guard !isCancelling else { return }
        isCancelling = true
        Task(executorPreference: loop) { await self.requestCancellation(of: flight) }
    }

    /// Asks again and again until the flight has ended: a request may arrive before the statement does.
    private func requestCancellation(of flight: Flight) async {
        let end = closeAfterPatience("the server did not answer a cancellation")
        while !flight.isFinished, let handle, let request = CancelRequest(handle) {
            // A request that cannot be sent is the same as one that does nothing: the timer ends it.
            try? await Blocking.runApart { request.send() }
            if flight.isFinished { break }
            try? await Task.sleep(for: .milliseconds(50))
        }
        end.cancel()
        cancellationEnded()
    }

    func closeAfterPatience(_ reason: String) -> ScheduledTimer {
        loop.schedule(after: Self.patience) { [weak self] in self?.close(PostgresError(.connectionLost, reason)) }
    }
}

/// Owns a `PGcancel`.
private final class CancelRequest: @unchecked Sendable {
    // @unchecked: libpq's manual (34.7): a PGcancel may be used from another thread than the connection's.
    private let pointer: OpaquePointer

    init?(_ handle: OpaquePointer) {
        guard let pointer = PQgetCancel(handle) else { return nil }
        self.pointer = pointer
    }

    deinit { PQfreeCancel(pointer) }

    /// Blocks until the server has closed the request's connection: the signal is then sent (`PQcancel`).
    func send() {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            _ = PQcancel(pointer, buffer.baseAddress, Int32(buffer.count))
        }
    }
}
