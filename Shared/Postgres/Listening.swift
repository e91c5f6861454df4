import Runtime

/// What `NOTIFY` sent.
public struct PostgresNotification: Sendable, Hashable {
    public let channel: String
    public let payload: String
}

extension PostgresDatabase {
    /// Listens on `channels` with a connection of its own as long as `body` runs.
    ///
    /// The stream ends when the connection breaks: the caller then reads what it may have missed and calls again. At
    /// most 1,024 notifications are kept; the oldest go first.
    public func listening<Value: Sendable>(
        to channels: [String], login: String? = nil,
        _ body: @escaping @Sendable (AsyncStream<PostgresNotification>) async throws -> Value
    ) async throws -> Value {
        let loop = group.here
        let configuration = configuration
        return try await withTaskExecutorPreference(loop) {
            let connection = try await PostgresConnection.connect(
                configuration, login: login ?? configuration.login)
            defer { connection.close() }
            let (stream, continuation) = AsyncStream.makeStream(
                of: PostgresNotification.self, bufferingPolicy: .bufferingNewest(1024))
            connection.onNotification = { continuation.yield($0) }
            connection.onClose = { _ in continuation.finish() }
            _ = try await connection.run(
                .init(body: channels.map { SQL(raw: "listen " + SQL.quoted($0)).unprepared() }))
            return try await body(stream)
        }
    }
}
