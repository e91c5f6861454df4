import CPostgres
import Runtime

// COPY is not allowed in pipeline mode, so the connection leaves it meanwhile.

/// A COPY that is running on a connection, and the task that waits for its socket.
final class CopyState: @unchecked Sendable {
    // @unchecked: touched only on the connection's loop.
    private var waiter: CheckedContinuation<Void, any Error>?
    private var failure: PostgresError?

    func wait(_ continuation: CheckedContinuation<Void, any Error>) {
        if let failure {
            continuation.resume(throwing: failure)
        } else {
            waiter = continuation
        }
    }

    func receive(from connection: PostgresConnection) { wake() }

    func resumeWriter() { wake() }

    func fail(_ error: PostgresError) {
        failure = error
        let waiting = waiter
        waiter = nil
        waiting?.resume(throwing: error)
    }

    private func wake() {
        let waiting = waiter
        waiter = nil
        waiting?.resume()
    }
}

extension PostgresConnection {
    /// Runs `copy … from stdin` with the bytes of `chunks`; answers the number of rows.
    func copyIn<Chunks: AsyncSequence>(_ sql: SQL, from chunks: Chunks) async throws -> Int
    where Chunks.Element == [UInt8] {
        try await beginCopy(sql, expecting: PGRES_COPY_IN)
        var failure: (any Error)?
        do {
            for try await chunk in chunks { try await put(chunk) }
            try Task.checkCancellation()
        } catch {
            guard isOpen else { throw error }
            failure = error
        }
        try await putEnd(failed: failure != nil)
        do {
            let rows = try await endCopy()
            if let failure { throw failure }
            return rows
        } catch {
            throw failure ?? error
        }
    }

    /// Runs `copy … to stdout`, giving each row's bytes to `receive`, which holds the server back while it works.
    /// When `receive` throws, the connection is closed: the rest of the rows is not waited for.
    func copyOut(_ sql: SQL, _ receive: ([UInt8]) async throws -> Void) async throws -> Int {
        try await beginCopy(sql, expecting: PGRES_COPY_OUT)
        do {
            while let row = try await nextCopyRow() {
                try Task.checkCancellation()
                try await receive(row)
            }
        } catch {
            close()
            throw error
        }
        return try await endCopy()
    }

    private func beginCopy(_ sql: SQL, expecting status: ExecStatusType) async throws {
        loop.preconditionOnLoop()
        try Task.checkCancellation()
        guard let handle, copy == nil, PQexitPipelineMode(handle) == 1 else {
            throw PostgresError(.usage, "COPY needs a connection on which nothing else is running.")
        }
        copy = CopyState()
        let isSent = sql.binds.withPointers { values, lengths, formats in
            PQsendQueryParams(
                handle, sql.text, Int32(sql.binds.count), sql.binds.types, values, lengths, formats, 1) == 1
        }
        guard isSent else { throw closing(PostgresError(.connectionLost, Self.message(handle))) }
        flush()
        let result = try await nextResult()
        if let result, PQresultStatus(result.pointer) == status { return }
        var error = PostgresError(.usage, "This statement is no COPY in the expected direction.")
        if let result, PQresultStatus(result.pointer) == PGRES_FATAL_ERROR {
            error = PostgresError(result: result.pointer)
        }
        error.statement = sql.text
        // A statement that was no COPY may have come with rows; a COPY the other way would go on.
        guard error.kind == .server else { throw closing(error) }
        _ = try? await endCopy()
        throw error
    }

    private func put(_ chunk: [UInt8]) async throws {
        // Bounded pieces keep libpq's buffer small.
        var start = 0
        while start < chunk.count {
            try Task.checkCancellation()
            let end = min(start + 65536, chunk.count)
            guard let handle else { throw PostgresError(.connectionLost, "it closed during a COPY") }
            let status = chunk[start..<end].withUnsafeBytes { bytes in
                PQputCopyData(handle, bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count))
            }
            switch status {
            case 1: start = end
            case 0: break
            default: throw closing(PostgresError(.connectionLost, Self.message(handle)))
            }
            try await drain()
        }
    }

    private func putEnd(failed: Bool) async throws {
        while let handle {
            switch PQputCopyEnd(handle, failed ? "the source of the rows failed" : nil) {
            case 1: return try await drain()
            case 0: try await drain()
            default: throw closing(PostgresError(.connectionLost, Self.message(handle)))
            }
        }
        throw PostgresError(.connectionLost, "it closed during a COPY")
    }

    /// Waits until the socket has taken what libpq holds. What tells that it is full also watches for room: had it been
    /// asked again in between, the room that came meanwhile would be waited for.
    private func drain() async throws {
        while handle != nil {
            if flush() { return }
            try await waitForSocket()
        }
        throw PostgresError(.connectionLost, "it closed during a COPY")
    }

    private func nextCopyRow() async throws -> [UInt8]? {
        while let handle {
            var buffer: UnsafeMutablePointer<CChar>?
            switch PQgetCopyData(handle, &buffer, 1) {
            case 0: try await waitForSocket()
            case -1: return nil
            case let count where count > 0:
                defer { PQfreemem(buffer) }
                return [UInt8](UnsafeRawBufferPointer(start: buffer, count: Int(count)))
            default: throw closing(PostgresError(.connectionLost, Self.message(handle)))
            }
        }
        throw PostgresError(.connectionLost, "it closed during a COPY")
    }

    private func nextResult() async throws -> PostgresResult? {
        while let handle, PQisBusy(handle) == 1 { try await waitForSocket() }
        guard let handle else { throw PostgresError(.connectionLost, "it closed during a COPY") }
        return PQgetResult(handle).map(PostgresResult.init)
    }

    /// Reads what is left of the answer and goes back to pipeline mode; the number of rows, or the server's error.
    private func endCopy() async throws -> Int {
        var rows = 0
        var failure: PostgresError?
        while let result = try await nextResult() {
            switch PQresultStatus(result.pointer) {
            case PGRES_COMMAND_OK: rows = Int(String(cString: PQcmdTuples(result.pointer))) ?? 0
            case PGRES_FATAL_ERROR: failure = failure ?? PostgresError(result: result.pointer)
            default: throw closing(PostgresError(.usage, "PostgreSQL answered a COPY with something else."))
            }
        }
        copy = nil
        guard PQenterPipelineMode(handle) == 1 else {
            throw closing(PostgresError(.connectionLost, Self.message(handle)))
        }
        if let failure { throw failure }
        return rows
    }

    private func waitForSocket() async throws {
        guard let copy else { throw PostgresError(.connectionLost, "it closed during a COPY") }
        // A COPY that is broken off costs its connection: what the server still has to say of it is not waited for.
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { copy.wait($0) }
        } onCancel: {
            loop.execute { self.close(PostgresError(.closed, "the COPY was cancelled")) }
        }
    }

    private func closing(_ error: PostgresError) -> PostgresError {
        close(error)
        return error
    }
}
