import Contracts
import HTTP
import JSON
import Runtime
import ServiceKit
import Synchronization

/// The API document of the whole product: the gateway's own part and those of the services, read from their internal
/// ports and merged. While a service does not answer, its part stays as it was last seen.
final class APIDocument: Sendable {
    private struct State {
        var parts: [String: JSON] = [:]
        var bytes: [UInt8] = []
        var page: [UInt8] = []
    }

    static let info = OpenAPI.Info(
        title: "Guanxi", version: "1.0.0",
        description: "Leads, opportunities, customers and reports of several business units.")

    private let own: JSON
    private let services: [(name: String, internalURL: String)]
    private let client: HTTPClient
    private let logger: Logger
    private let state = Mutex(State())

    init(own: JSON, services: [(name: String, internalURL: String)], client: HTTPClient, logger: Logger) {
        (self.own, self.services, self.client, self.logger) = (own, services, client, logger)
        // Before any service was asked there is the gateway's own part.
        merge([:])
    }

    /// The document as JSON text.
    var json: [UInt8] { state.withLock { $0.bytes } }
    /// The same for people.
    var page: [UInt8] { state.withLock { $0.page } }

    /// Reads the services' parts: often until all are there, then now and again.
    func run() async throws {
        while !Task.isCancelled {
            let isWhole = await refresh()
            try await Task.sleep(for: isWhole ? .seconds(60) : .seconds(1))
        }
    }

    /// Reads every part anew; true when none is missing.
    @discardableResult
    func refresh() async -> Bool {
        var parts = state.withLock { $0.parts }
        for (name, url) in services {
            if let part = try? await read(url) { parts[name] = part }
        }
        if state.withLock({ $0.parts != parts }) { merge(parts) }
        return parts.count == services.count
    }

    private func merge(_ parts: [String: JSON]) {
        let inOrder = [own] + services.compactMap { parts[$0.name] }
        do {
            let merged = try OpenAPI.merge(inOrder, info: Self.info) { permission in
                Role.allCases.filter { PermissionMatrix.allows($0, permission.name) }.map(\.rawValue)
            }
            let page = Array(ReferencePage.html(merged).utf8)
            state.withLock { $0 = State(parts: parts, bytes: merged.serialize(), page: page) }
        } catch { logger.error("the services' API documents contradict each other", error: error) }
    }

    private func read(_ url: String) async throws -> JSON? {
        let response = try await client.send(
            ClientRequest(.get, url + "/internal/openapi.json", deadline: .after(.seconds(3))))
        guard response.status == .ok else { return nil }
        return try JSON.parse(try await response.bytes(upTo: 16 << 20))
    }
}
