import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Runtime
import Security
import ServiceKit
import Synchronization
import Tenancy
import Testing
import Values

@testable import Leads

/// Customers and opportunities as far as a conversion sees them, behind a real server: they make things once, take
/// them back, and fail as they are told.
final class Neighbours: Sendable {
    enum Trouble: Sendable {
        /// Refuses for good.
        case refuse
        /// As a release does that explains itself in one language.
        case refuseInEnglish
        /// Answers 503 so many times.
        case unavailable(Int)
        /// Makes it, but the answer is lost so many times.
        case loseAnswer(Int)
        /// Answers only when released.
        case hold
    }

    struct State: Sendable {
        var troubles: [String: Trouble] = [:]
        /// By saga and step.
        var made: [String: UUID] = [:]
        var archived: Set<UUID> = []
        var bodies: [String: JSON] = [:]
        var asked: [String] = []
        var existing: [String: UUID] = [:]
    }

    let state = Mutex(State())

    func trouble(_ step: String, _ trouble: Trouble?) { state.withLock { $0.troubles[step] = trouble } }

    /// What stands: made and not archived.
    var standing: Set<UUID> { state.withLock { Set($0.made.values).subtracting($0.archived) } }

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.count >= 3, parts[0] == "internal" else { return HTTPResponse(404) }
        if request.method == .delete {
            state.withLock { state in
                state.asked.append("undo")
                for (key, id) in state.made where key.hasPrefix(parts[2]) { state.archived.insert(id) }
            }
            return HTTPResponse(204)
        }
        let (saga, step) = (parts[2], parts[3])
        let body = (try? JSON.parse(await request.body.collect(upTo: 1 << 20))) ?? .null
        while case .hold? = state.withLock({ $0.troubles[step] }) { try? await Task.sleep(for: .milliseconds(5)) }
        return state.withLock { $0.take(step, of: saga, body) }
    }
}

extension Neighbours.State {
    mutating func take(_ step: String, of saga: String, _ body: JSON) -> HTTPResponse {
        asked.append(step)
        bodies[step] = body
        switch troubles[step] {
        case .refuse?: return refusal(["code": "validationFailed", "en": "Name: not this one", "zh": "名称：不是这个"])
        case .refuseInEnglish?: return refusal(nil)
        case .unavailable(let times)? where times > 0:
            troubles[step] = .unavailable(times - 1)
            return HTTPResponse(503)
        case .loseAnswer(let times)? where times > 0:
            troubles[step] = .loseAnswer(times - 1)
            _ = make(step, of: saga, body)
            return HTTPResponse(504)
        default:
            let (id, isMade) = make(step, of: saga, body)
            return .json(["id": id.json, "version": 1, "created": isMade.json])
        }
    }

    private func refusal(_ texts: JSON?) -> HTTPResponse {
        let error: JSONObject = ["path": "/name", "code": "required", "message": "not this one"]
        var problem: JSON = ["code": "validationFailed", "detail": "No.", "errors": [.object(error)]]
        if var texts {
            texts["errors"] = [["path": "/name", "code": "required", "en": "not this one", "zh": "不是这个"]]
            problem["refusal"] = texts
        }
        return .json(problem, status: 422)
    }

    private mutating func make(_ step: String, of saga: String, _ body: JSON) -> (UUID, Bool) {
        if let id = body["id"]?.string.flatMap({ UUID(uuidString: $0) }) { return (id, false) }
        let key = "\(saga)/\(step)"
        let id = made[key] ?? UUIDv7.make()
        made[key] = id
        return (id, true)
    }
}

/// The convert endpoint on a real database between two neighbours.
struct ConversionFixture: Sendable {
    let service: LeadsFixture
    let neighbours: Neighbours
    let runner: ConversionRunner
    private let client: HTTPClient
    private let baseURL: String

    static func with(_ body: @escaping @Sendable (ConversionFixture) async throws -> Void) async throws {
        try await LeadsFixture.with { service in
            let neighbours = Neighbours()
            let group = EventLoopGroup(count: 1, name: "neighbours")
            let server = HTTPServer(group: group, address: ListenAddress(port: 0)) { await neighbours.answer($0) }
            try await server.start()
            let client = HTTPClient(group: service.environment.database.database.group)
            let fixture = try ConversionFixture(
                service: service, neighbours: neighbours, client: client,
                baseURL: "http://127.0.0.1:\(server.boundPort)")
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await body(fixture)) } catch { outcome = .failure(error) }
            await client.shutdown()
            await server.drain(deadline: .after(.seconds(2)))
            await group.shutdown()
            try outcome.get()
        }
    }

    private init(service: LeadsFixture, neighbours: Neighbours, client: HTTPClient, baseURL: String) throws {
        (self.service, self.neighbours, self.client, self.baseURL) = (service, neighbours, client, baseURL)
        runner = try Self.runner(service, client, baseURL)
    }

    private static func runner(
        _ service: LeadsFixture, _ client: HTTPClient, _ baseURL: String, log: LogSink = .standardOutput
    ) throws -> ConversionRunner {
        let neighbour = ServiceClient(
            baseURL: baseURL, client: client, minter: IdentityMinter(issuer: "leads", key: try .generate()))
        return ConversionRunner(
            leads: service.leads, services: [.account: neighbour, .contact: neighbour, .opportunity: neighbour],
            logger: Logger(service: "leads", sink: log))
    }

    /// As after a restart: nothing is remembered but what is stored.
    func restarted(log: LogSink = .standardOutput) throws -> ConversionRunner {
        try Self.runner(service, client, baseURL, log: log)
    }

    // MARK: - Leads

    func lead(_ body: JSON = ["company": "海风", "person": "王", "phone": "13800138000"]) async throws -> String {
        try #require(try await service.create(body).body["id"]?.string)
    }

    func get(_ lead: String) async throws -> JSON {
        let response = try await service.leads.visible(lead, service.context.principal, tenant: service.tenant.id)
        return Lead.catalogue.encode(response)
    }

    func convert(
        _ lead: String, _ body: JSON = [:], key: String? = nil, by principal: Principal? = nil,
        language: String? = nil
    ) async throws -> (status: Int, body: JSON, replayed: Bool) {
        let router = try Router(
            [ConvertEndpoint(leads: service.leads, runner: runner).endpoint],
            middleware: [Known(principal: principal ?? machine)],
            events: RouterEvents(unexpected: { error, _, _ in Issue.record("\(error)") }),
            translate: { Problem(translating: $0) })
        var headers: HTTPHeaders = ["Content-Type": "application/json"]
        headers["Idempotency-Key"] = key
        headers["Accept-Language"] = language
        let response = await router.handler(
            HTTPRequest(.post, "/v1/leads/\(lead)/convert", headers: headers, body: .bytes(body.serialize())))
        return (
            response.status.code, try service.read(response).body, response.headers["Idempotency-Replayed"] == "true"
        )
    }

    private var machine: Principal {
        Principal(
            tenant: service.tenant.id, subject: "test", kind: .apiKey, role: "admin",
            permissions: ["backdate", "leads.convert"], visibility: .all)
    }

    func conversions() async throws -> [String] {
        try await service.environment.database.query(
            service.tenant.id, "select phase from \(service.tenant.schema).conversions order by id"
        ).map { try $0.get(0) }
    }

    /// The data of a lead's last event.
    func lastTold(_ lead: String) async throws -> JSON {
        try await service.environment.database.database.query(
            "select data::jsonb from shared.outbox where aggregate_id = \(lead) order by id desc limit 1",
            role: service.environment.database.outboxRole
        ).single().get(0)
    }

    /// Names of a lead's events.
    func told(_ lead: String) async throws -> [String] {
        try await service.environment.database.database.query(
            "select type from shared.outbox where aggregate_id = \(lead) order by id",
            role: service.environment.database.outboxRole
        ).map { try $0.get(0) }
    }
}

/// Every call comes from this principal.
struct Known: Middleware {
    let principal: Principal

    func respond(to call: Call, next: @Sendable (Call) async throws -> HTTPResponse) async throws -> HTTPResponse {
        var call = call
        call.principal = principal
        return try await next(call)
    }
}
