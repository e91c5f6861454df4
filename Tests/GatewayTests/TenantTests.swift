import Contracts
import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Synchronization
import Tenancy
import Testing
import Values

@testable import Gateway

@Suite(.serialized) struct TenantTests {
    @Test func aTenantIsMadeEverywhereSuspendedResumedAndDeleted() async throws {
        let gateway = try await GatewayFixture.shared()
        let asked = ContinuousClock.now
        let unit = try await gateway.unit()
        print("tenant made through the gateway in \(asked.duration(to: .now))")
        #expect(gateway.services.tenants[unit.id.text] == "active")
        #expect(try await gateway.me(unit.key) == 200)

        func act(_ verb: String) async throws -> Int {
            try await gateway.call(.post, "/v1/tenants/\(unit.slug)/\(verb)", as: gateway.operatorKey).status
        }
        #expect(try await act("suspend") == 200)
        let refused = try await gateway.call(.get, "/v1/me", as: unit.key)
        #expect((refused.status, refused.json["code"]) == (403, "tenantSuspended"))
        #expect(gateway.services.tenants[unit.id.text] == "suspended")
        #expect(try await act("resume") == 200)
        #expect(try await gateway.me(unit.key) == 200)

        let deleted = try await gateway.call(.delete, "/v1/tenants/\(unit.slug)", as: gateway.operatorKey)
        #expect(deleted.status == 204)
        #expect(try await gateway.me(unit.key) == 401)
        #expect(gateway.services.tenants[unit.id.text] == nil)
        #expect(try await gateway.call(.get, "/v1/tenants/\(unit.slug)", as: gateway.operatorKey).status == 404)
        let events = try await gateway.database.database.query(
            "select type, sequence from shared.outbox where aggregate_id = \(unit.id.text) order by id",
            role: gateway.database.outboxRole
        ).map { try $0.get("type", as: String.self) }
        #expect(events == ["tenant.created", "tenant.suspended", "tenant.resumed", "tenant.deleted"])
    }

    /// Whoever was told an old word makes it known that the last one is still to be told.
    @Test func anOldWordSettlesNothing() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let store = TenantStore(database: gateway.database, committed: {})
        let old = try #require(try await store.stored(unit.id))
        let suspended = try await gateway.call(
            .post, "/v1/tenants/\(unit.slug)/suspend", as: gateway.operatorKey)
        #expect(suspended.status == 200)
        let new = try #require(try await store.stored(unit.id))
        #expect(new.isSettled && new.version == old.version + 1)
        try await store.settle(old)
        #expect(try await store.stored(unit.id)?.isSettled == false)
        try await store.settle(new)
        #expect(try await store.stored(unit.id)?.isSettled == true)
        // What is made already is not taken for something left half made.
        #expect(try await store.claimRemoval(of: old) == false)
        #expect(gateway.services.tenants[unit.id.text] == "suspended")
    }

    /// Two operators who say opposite things at once: all hear the same, and what the record says.
    @Test func oppositeWordsAtOnceEndInOne() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let store = TenantStore(database: gateway.database, committed: {})
        for _ in 0..<6 {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for verb in ["suspend", "resume", "suspend"] {
                    group.addTask {
                        let path = "/v1/tenants/\(unit.slug)/\(verb)"
                        let status = try await gateway.call(.post, path, as: gateway.operatorKey).status
                        #expect([200, 409].contains(status), "\(verb)")
                    }
                }
                try await group.waitForAll()
            }
            let record = try #require(try await store.stored(unit.id))
            #expect(gateway.services.tenants[unit.id.text] == record.state.rawValue)
        }
    }

    @Test func aServiceThatRefusesLeavesNothingBehind() async throws {
        let gateway = try await GatewayFixture.shared()
        let body: JSON = ["slug": "half-made", "name": "Half"]
        gateway.services.refuses = true
        let refused = try await gateway.call(.post, "/v1/tenants", body, as: gateway.operatorKey)
        gateway.services.refuses = false
        #expect(refused.status == 503)
        #expect(try await gateway.call(.get, "/v1/tenants/half-made", as: gateway.operatorKey).status == 404)
        let left = try await gateway.database.database.query(
            "select 1 from shared.tenants where slug = 'half-made'", role: gateway.database.serviceRole)
        #expect(left.isEmpty)
        #expect(try await gateway.call(.post, "/v1/tenants", body, as: gateway.operatorKey).status == 201)
    }

    /// What a service that is away has of a deleted tenant is removed when it is back; until then nobody says it is gone.
    @Test func aTenantIsGoneOnlyWhenEveryServiceRemovedIt() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        gateway.services.keeps = true
        let deleted = try await gateway.call(.delete, "/v1/tenants/\(unit.slug)", as: gateway.operatorKey)
        gateway.services.keeps = false
        #expect(deleted.status == 202 && deleted.json["status"] == "deleting")
        #expect(try await gateway.call(.get, "/v1/tenants/\(unit.slug)", as: gateway.operatorKey).status == 404)
        #expect(gateway.services.tenants[unit.id.text] != nil)
        let other = try await gateway.unit()
        let gone = try await gateway.call(.delete, "/v1/tenants/\(other.slug)", as: gateway.operatorKey)
        #expect(gone.status == 204 && gateway.services.tenants[other.id.text] == nil)
    }

    /// What an interrupted restore left is seen and can be removed, but not from under somebody who restores it.
    @Test func aTenantThatIsRestoredIsSeenAndRemovedOnlyWhenNobodyIsAtIt() async throws {
        let gateway = try await GatewayFixture.shared()
        let description = TenantDescription(slug: "coming-back", name: "Back")
        try await GatewayService.note(restoring: description, in: gateway.database)
        let path = "/v1/tenants/coming-back"
        #expect(try await gateway.call(.get, path, as: gateway.operatorKey).json["status"] == "restoring")
        #expect(try await gateway.call(.post, path + "/resume", as: gateway.operatorKey).status == 409)
        let turn = GatewayService.restoreTurn("coming-back")
        try await gateway.database.database.withLocks(gateway.database.serviceRole) { session in
            try await session.query("select pg_advisory_lock(hashtextextended(\(turn), 0))")
            #expect(try await gateway.call(.delete, path, as: gateway.operatorKey).status == 409)
        }
        #expect(try await gateway.call(.delete, path, as: gateway.operatorKey).status == 204)
        #expect(try await gateway.call(.get, path, as: gateway.operatorKey).status == 404)
        #expect(try await GatewayService.restoring(as: "coming-back", in: gateway.database) == nil)
    }

    @Test func whatIsWrongWithATenantIsNamed() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        func create(_ body: JSON) async throws -> GatewayFixture.Answer {
            try await gateway.call(.post, "/v1/tenants", body, as: gateway.operatorKey)
        }
        #expect(try await create(["slug": unit.slug.json, "name": "X"]).status == 409)
        for (member, value) in [
            ("slug", "Big Name"), ("timeZone", "Mars/Base"), ("timeZone", "GMT+8"), ("timeZone", "CTT"),
            ("currency", "XXXX"),
        ] {
            var body: JSONObject = ["slug": "fine", "name": "X"]
            body[member] = .string(value)
            let answer = try await create(.object(body))
            #expect(answer.status == 422)
            #expect(answer.json["errors"]?[0]?["path"]?.string == "/\(member)")
        }
        // Operators manage tenants and see none of their records; tenants do not manage tenants.
        #expect(try await gateway.call(.get, "/v1/leads", as: gateway.operatorKey).status == 403)
        #expect(try await gateway.call(.get, "/v1/users", as: gateway.operatorKey).status == 403)
        #expect(try await gateway.call(.get, "/v1/tenants", as: unit.key).status == 403)
    }
}

@Suite struct RoutingTests {
    @Test func whoCallsIsSaidByTheGatewayAlone() async throws {
        let gateway = try await GatewayFixture.shared()
        let (unit, other) = (try await gateway.unit(), try await gateway.unit())
        let posing: HTTPHeaders = [
            "Guanxi-Identity": "forged", "X-Guanxi-Tenant": other.id.text, "X-Forwarded-For": "10.0.0.1",
            "Cookie": "a=b", "X-Other": "stays",
        ]
        let answer = try await gateway.call(.get, "/v1/leads/a%2Fb?x=%20y", as: unit.key, headers: posing)
        #expect(answer.json["tenant"] == unit.id.json)
        #expect(answer.json["target"] == "/v1/leads/a%2Fb?x=%20y")
        let headers = Set((answer.json["headers"]?.array ?? []).compactMap(\.string))
        #expect(headers.contains("x-other"))
        #expect(headers.isDisjoint(with: ["authorization", "cookie", "x-guanxi-tenant"]))
        #expect(try await gateway.call(.get, "/v1/leads", headers: posing).status == 401)
    }

    @Test func aServiceThatDoesNotBelieveTheGatewayIsNoFaultOfTheCaller() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let answer = try await gateway.call(.get, "/v1/leads/disbelieved", as: unit.key)
        #expect(answer.status == 503)
        #expect(answer.headers["Retry-After"] != nil)
        #expect(answer.headers["WWW-Authenticate"] == nil)
    }

    @Test func largeBodiesPassAndUnknownPathsDoNot() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let bytes = [UInt8](repeating: 65, count: 20 << 20)
        let answer = try await gateway.call(.post, "/v1/orders/imports", as: unit.key, raw: bytes)
        #expect(answer.json["bytes"] == .int(Int64(bytes.count)))
        #expect(try await gateway.call(.get, "/v1/nothing", as: unit.key).status == 404)
        #expect(try await gateway.call(.get, "/internal/tenants", as: unit.key).status == 404)
    }

    @Test func anAnswerCarriesItsLimitsAndSecurityHeaders() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let answer = try await gateway.call(.get, "/v1/me", as: unit.key)
        #expect(answer.headers["RateLimit-Policy"]?.hasPrefix("\"caller\";q=10000") == true)
        #expect(answer.headers["RateLimit"]?.hasPrefix("\"caller\";r=") == true)
        #expect(answer.headers["X-Content-Type-Options"] == "nosniff")
        #expect(answer.headers["X-Request-Id"] != nil)
        #expect(answer.headers["Access-Control-Allow-Origin"] == nil)
    }

    @Test func theAPIDocumentIsSound() async throws {
        let gateway = try await GatewayFixture.shared()
        let answer = try await gateway.call(.get, "/openapi.json")
        #expect(answer.status == 200, "\(answer.json)")
        let document = answer.json
        #expect(OpenAPI.faults(of: document).isEmpty)
        #expect(document["paths"]?["/v1/sessions"]?["post"]?["operationId"] == "createSession")
        #expect(document["paths"]?["/v1/users"]?["post"]?["x-roles"] == ["admin"])
        #expect(try await gateway.call(.get, "/docs").status == 200)
        let keys = try await gateway.call(.get, "/.well-known/jwks.json").json
        #expect((keys["keys"]?.array ?? []).allSatisfy { $0["d"] == nil && $0["alg"] == "ES256" })
    }

    /// `docs/permissions.md` is the matrix; `GUANXI_WRITE_DOCS=1` brings it up to date.
    @Test func thePermissionsPageIsTheMatrix() throws {
        let page = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/permissions.md")
            .standardizedFileURL
        if ProcessInfo.processInfo.environment["GUANXI_WRITE_DOCS"] != nil {
            try Data(PermissionMatrix.markdown().utf8).write(to: page)
        }
        #expect(try String(contentsOf: page, encoding: .utf8) == PermissionMatrix.markdown())
    }
}

@Suite struct RateLimitTests {
    @Test func aBurstPassesAFloodWaitsAndOthersAreNotMeant() async throws {
        let clock = TestClock()
        let limits = RateLimits(
            RateLimits.Limits(
                tenant: RateLimit(name: "tenant", perSecond: 4), caller: RateLimit(name: "caller", perSecond: 2),
                stranger: RateLimit(name: "address", perSecond: 1)), clock: { clock.now })
        let tenant = TenantID.make()
        func take(_ subject: String, of tenant: TenantID = tenant) async throws -> HTTPResponse {
            let principal = Principal(
                tenant: tenant, subject: subject, kind: .apiKey, role: "admin", permissions: [], visibility: .all)
            return try await limited(limits, principal)
        }
        for left in [3, 2, 1, 0] {
            #expect(try await take("a").headers["RateLimit"] == "\"caller\";r=\(left);t=1")
        }
        await #expect(throws: Problem.self) { try await take("a") }
        // The tenant's bucket is shared: four are gone, four left.
        for _ in 0..<4 { _ = try await take("b") }
        await #expect(throws: Problem.self) { try await take("c") }
        _ = try await take("d", of: .make())
        clock.advance(.milliseconds(500))
        _ = try await take("a")
        await #expect(throws: Problem.self) { try await take("a") }
    }

    @Test func guessingCountsAgainstTheAddress() throws {
        let clock = TestClock()
        let limits = RateLimits(
            RateLimits.Limits(stranger: RateLimit(name: "address", perSecond: 1)), clock: { clock.now })
        func guess(from address: String) throws {
            try limits.countFailure(of: HTTPRequest(.get, "/", remoteAddress: address))
        }
        try guess(from: "192.0.2.1")
        try guess(from: "192.0.2.1")
        let problem = #expect(throws: Problem.self) { try guess(from: "192.0.2.1") }
        #expect(problem?.type == .rateLimited)
        try guess(from: "192.0.2.2")
        clock.advance(.seconds(1))
        try guess(from: "192.0.2.1")
    }

    private func limited(_ limits: RateLimits, _ principal: Principal) async throws -> HTTPResponse {
        let router = try Router(
            [
                Endpoint(
                    .get, "/", id: "get", summary: "", permission: .anyCaller, responses: [ResponseSpec(200, "")]
                ) { _ in HTTPResponse(.ok) }
            ], middleware: [Known(principal: principal), limits],
            events: RouterEvents(unexpected: { error, _, _ in Issue.record(error) }))
        let response = await router.respond(to: HTTPRequest(.get, "/"))
        guard response.status == .ok else {
            #expect(response.status == .tooManyRequests)
            #expect(response.headers["Retry-After"] == "1")
            throw Problem(.rateLimited)
        }
        return response
    }

    private struct Known: Middleware {
        let principal: Principal

        func respond(
            to call: Call, next: @Sendable (Call) async throws -> HTTPResponse
        ) async throws -> HTTPResponse {
            var call = call
            call.principal = principal
            return try await next(call)
        }
    }
}

/// A clock that stands still until told.
final class TestClock: Sendable {
    private let start = ContinuousClock.now
    private let passed = Mutex(Duration.zero)

    var now: ContinuousClock.Instant { start + passed.withLock { $0 } }

    func advance(_ duration: Duration) { passed.withLock { $0 += duration } }
}
