import Contracts
import HTTP
import JSON
import Runtime
import ServiceKit
import Synchronization

/// The API document of the whole product: the gateway's own part and those of the services, read from their internal
/// ports and merged. While a service does not answer, its part stays as it was last seen; one that never answered is
/// named as missing, and so is what could not be merged.
final class APIDocument: Sendable {
    /// What the document lacks.
    struct Gaps: Sendable, Hashable {
        /// Names of services that have not answered since the start.
        var missing: [String] = []
        /// What contradicts another part, in a sentence each.
        var leftOut: [String] = []

        var isEmpty: Bool { missing.isEmpty && leftOut.isEmpty }
    }

    /// The document as it is sent.
    private struct Edition: Sendable {
        let gaps: Gaps
        let json: Publication
        let pages: Translations
    }

    private struct State {
        var parts: [String: JSON] = [:]
        var edition: Edition
        /// What the log was told of last.
        var told = Gaps()
    }

    /// Reads the part of the service with this internal address; nil when it has none.
    typealias Read = @Sendable (_ internalURL: String) async throws -> JSON?

    static let info = OpenAPI.Info(
        title: "Guanxi", version: "1.0.0",
        description: "Leads, opportunities, customers and reports of several business units.")

    private let own: JSON
    private let services: [(name: String, internalURL: String)]
    private let read: Read
    private let logger: Logger
    private let state: Mutex<State>

    init(own: JSON, services: [(name: String, internalURL: String)], logger: Logger, read: @escaping Read) {
        (self.own, self.services, self.logger, self.read) = (own, services, logger, read)
        // Before any service was asked there is the gateway's own part.
        state = Mutex(State(edition: Self.edition(own, services.map(\.name), [:])))
    }

    convenience init(
        own: JSON, services: [(name: String, internalURL: String)], client: HTTPClient, logger: Logger
    ) {
        self.init(own: own, services: services, logger: logger) { url in
            let response = try await client.send(
                ClientRequest(.get, url + "/internal/openapi.json", deadline: .after(.seconds(3))))
            guard response.status == .ok else { return nil }
            return try JSON.parse(try await response.bytes(upTo: 16 << 20))
        }
    }

    /// The document for programs.
    var json: Publication { state.withLock { $0.edition.json } }

    /// The same for people.
    func page(in language: Language) -> Publication { state.withLock { $0.edition.pages[language] } }

    /// Reads the services' parts: often until all are there, then now and again.
    func run() async throws {
        while !Task.isCancelled {
            let isWhole = try await refresh()
            try await Task.sleep(for: isWhole ? .seconds(60) : .seconds(1))
        }
    }

    /// Reads every part anew; true when no service is missing.
    @discardableResult
    func refresh() async throws -> Bool {
        let known = state.withLock { $0.parts }
        var parts = known
        for (name, url) in services {
            if let part = try? await read(url), part["paths"]?.object != nil { parts[name] = part }
        }
        if parts != known {
            // Some hundred thousand bytes are written: not while a loop's other calls wait.
            let edition = try await Blocking.run { [own, names = services.map(\.name), parts] in
                Self.edition(own, names, parts)
            }
            state.withLock { ($0.parts, $0.edition) = (parts, edition) }
        }
        tellOfGaps()
        return parts.count == services.count
    }

    /// Once for each change.
    private func tellOfGaps() {
        let (gaps, isNews) = state.withLock { state in
            defer { state.told = state.edition.gaps }
            return (state.edition.gaps, state.told != state.edition.gaps)
        }
        guard isNews else { return }
        guard !gaps.isEmpty else { return logger.info("the API document is whole") }
        logger.warning(
            "the API document lacks something",
            ["missingServices": gaps.missing.json, "leftOut": gaps.leftOut.json])
    }

    private static func edition(_ own: JSON, _ services: [String], _ parts: [String: JSON]) -> Edition {
        let merged = OpenAPI.mergeWhatFits([own] + services.compactMap { parts[$0] }, info: info) { permission in
            Role.allCases.filter { PermissionMatrix.allows($0, permission.name) }.map(\.rawValue)
        }
        let gaps = Gaps(
            missing: services.filter { parts[$0] == nil }, leftOut: merged.conflicts.map(\.description))
        var written = Examples.add(to: merged.document)
        if !gaps.missing.isEmpty { written["x-missing-services"] = gaps.missing.json }
        if !gaps.leftOut.isEmpty { written["x-left-out"] = gaps.leftOut.json }
        let document = written
        return Edition(
            gaps: gaps,
            json: Publication(document.serialize(), type: "application/json", isComplete: gaps.isEmpty),
            pages: Translations { language in
                Publication(
                    page: ReferencePage.html(document, lacking: gaps, in: language), in: language,
                    isComplete: gaps.isEmpty)
            })
    }
}
