import Postgres

/// Rows on their way from one server to another. Who reads slowly holds back who writes.
actor RowPipe {
    private var chunks: [[UInt8]] = []
    private var isEnded = false
    private var failure: (any Error)?
    private var waiting: [CheckedContinuation<Void, Never>] = []

    private static let most = 4
    private static let chunk = 1 << 18

    private func put(_ chunk: [UInt8]) async throws {
        while chunks.count >= Self.most, !isEnded { await wait() }
        if let failure { throw failure }
        chunks.append(chunk)
        wake()
    }

    private func end(_ failure: (any Error)? = nil) {
        self.failure = self.failure ?? failure
        isEnded = true
        wake()
    }

    private func next() async throws -> [UInt8]? {
        while chunks.isEmpty, !isEnded { await wait() }
        if let failure { throw failure }
        guard !chunks.isEmpty else { return nil }
        defer { wake() }
        return chunks.removeFirst()
    }

    // Who waits is woken by the other end, which ends the pipe when it fails or is cancelled.
    private func wait() async { await withCheckedContinuation { waiting.append($0) } }

    private func wake() {
        let woken = waiting
        waiting = []
        for continuation in woken { continuation.resume() }
    }

    /// Runs `copy … to stdout` on one server and `copy … from stdin` on the other; how many rows went.
    @discardableResult
    static func copy(
        _ rows: SQL, from source: PostgresTransaction, into table: SQL, on target: PostgresTransaction
    ) async throws -> Int {
        let pipe = RowPipe()
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                do {
                    var gathered: [UInt8] = []
                    try await source.copyOut(rows) { row in
                        gathered += row
                        guard gathered.count >= chunk else { return }
                        try await pipe.put(gathered)
                        gathered = []
                    }
                    if !gathered.isEmpty { try await pipe.put(gathered) }
                    await pipe.end()
                } catch {
                    await pipe.end(error)
                    throw error
                }
            }
            do {
                let count = try await target.copyIn(table, from: AsyncThrowingStream { try await pipe.next() })
                try await tasks.waitForAll()
                return count
            } catch {
                await pipe.end(error)
                throw error
            }
        }
    }
}
