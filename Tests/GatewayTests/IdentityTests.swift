import Foundation
import HTTP
import JSON
import Postgres
import Runtime
import Security
import Tenancy
import TestKit
import Testing
import Values

@testable import Gateway

@Suite struct IdentityTests {
    // MARK: - Sessions

    @Test func aSessionLivesByItsRefreshTokenAndEndsWhenOneIsUsedTwice() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        _ = try await gateway.user("ann", in: unit)
        let first = try await gateway.logIn("ANN", in: unit)
        #expect(first.status == 201)
        #expect(first.headers["Cache-Control"] == "no-store")
        let old = try #require(first.json["refreshToken"]?.string)
        let second = try await gateway.call(.post, "/v1/sessions/refresh", ["refreshToken": old.json])
        let access = try #require(second.json["accessToken"]?.string)
        #expect(try await gateway.me(access) == 200)
        // A guess at the secret ends nothing.
        let guess = String(old.dropLast(8)) + "AAAAAAAA"
        #expect(try await gateway.call(.post, "/v1/sessions/refresh", ["refreshToken": guess.json]).status == 401)
        #expect(try await gateway.me(access) == 200)
        // The answer was lost, or two windows asked at once: the same again.
        let again = try await gateway.call(.post, "/v1/sessions/refresh", ["refreshToken": old.json])
        let new = try #require(second.json["refreshToken"]?.string)
        #expect(again.status == 200 && again.json["refreshToken"] == second.json["refreshToken"])
        // Later, it is in two hands.
        try await gateway.refreshed(ago: Sessions.grace + .seconds(1), unit)
        #expect(try await gateway.call(.post, "/v1/sessions/refresh", ["refreshToken": old.json]).status == 401)
        #expect(try await gateway.me(access) == 401)
        #expect(try await gateway.call(.post, "/v1/sessions/refresh", ["refreshToken": new.json]).status == 401)
    }

    /// One that was exchanged twice is old, however short the time.
    @Test func onlyTheLastRefreshTokenIsAnsweredAgain() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        _ = try await gateway.user("ann", in: unit)
        func refreshed(_ token: JSON?) async throws -> GatewayFixture.Answer {
            try await gateway.call(.post, "/v1/sessions/refresh", ["refreshToken": token ?? .null])
        }
        let first = try await gateway.logIn("ann", in: unit).json["refreshToken"]
        let second = try await refreshed(first).json["refreshToken"]
        #expect(try await refreshed(second).status == 200)
        #expect(try await refreshed(first).status == 401)
        #expect(try await refreshed(second).status == 401)
    }

    @Test func everybodySeesAndEndsHisSessions() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        for login in ["ann", "bob"] { _ = try await gateway.user(login, in: unit) }
        let (here, elsewhere) = (
            try await gateway.accessToken("ann", in: unit), try await gateway.accessToken("ann", in: unit)
        )
        let other = try await gateway.accessToken("bob", in: unit)
        let items = try await gateway.call(.get, "/v1/sessions", as: here).json["items"]?.array ?? []
        #expect(items.count == 2 && items.filter { $0["isCurrent"] == true }.count == 1)
        let id = try #require(items.first { $0["isCurrent"] == false }?["id"]?.string)
        #expect(try await gateway.call(.delete, "/v1/sessions/\(id)", as: other).status == 404)
        #expect(try await gateway.me(elsewhere) == 200)
        #expect(try await gateway.call(.delete, "/v1/sessions/\(id)", as: here).status == 204)
        #expect(try await gateway.me(elsewhere) == 401)
        #expect(try await gateway.me(here) == 200)
        #expect(try await gateway.call(.get, "/v1/sessions", as: unit.key).status == 403)
    }

    @Test func everybodySetsHisPasswordByThePresentOne() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        _ = try await gateway.user("ann", in: unit)
        let (token, elsewhere) = (
            try await gateway.accessToken("ann", in: unit), try await gateway.accessToken("ann", in: unit)
        )
        func change(_ present: String, _ password: String) async throws -> GatewayFixture.Answer {
            try await gateway.call(
                .post, "/v1/me/password", ["currentPassword": present.json, "password": password.json], as: token)
        }
        #expect(try await change("a guess at it", "another fine one").status == 401)
        #expect(try await change(GatewayFixture.password, "short").status == 422)
        #expect(try await gateway.me(elsewhere) == 200)
        let changed = try await change(GatewayFixture.password, "another fine one")
        #expect(changed.status == 201)
        #expect(try await gateway.me(elsewhere) == 401)
        #expect(try await gateway.me(try #require(changed.json["accessToken"]?.string)) == 200)
        #expect(try await gateway.logIn("ann", in: unit).status == 401)
        #expect(try await gateway.logIn("ann", password: "another fine one", in: unit).status == 201)
        #expect(
            try await gateway.call(.post, "/v1/me/password", ["currentPassword": "x", "password": "y"], as: unit.key)
                .status != 201)
    }

    @Test func everybodySaysInWhichLanguageHeIsAnswered() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        _ = try await gateway.user("ann", in: unit)
        let token = try await gateway.accessToken("ann", in: unit)
        func title(_ headers: HTTPHeaders = [:]) async throws -> JSON? {
            try await gateway.call(.get, "/v1/users/nobody", as: token, headers: headers).json["title"]
        }
        #expect(try await title() == "未找到")
        #expect(try await title(["Accept-Language": "en-GB"]) == "Not found")
        let mine = try await gateway.call(.patch, "/v1/me", ["language": "en", "email": "ann@unit.example"], as: token)
        #expect(mine.status == 200 && mine.json["email"] == "ann@unit.example")
        try await withinASecond { try await title() == "Not found" }
        #expect(try await gateway.call(.patch, "/v1/me", ["role": "admin"], as: token).status == 422)
        #expect(try await gateway.call(.patch, "/v1/me", ["language": "en"], as: unit.key).status == 403)
    }

    /// Who fails at one place keeps nobody out at another; who fails at very many, does.
    @Test func aLoginRestsWhereItFailed() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let throttle = LoginThrottle(database: gateway.database)
        func isFree(_ network: String, _ tenant: TenantID? = unit.id) async -> Bool {
            let attempt = LoginThrottle.Attempt(tenant: tenant, slug: "nowhere", login: "ann", network: network)
            return (try? await throttle.begin(attempt)) != nil
        }
        for tenant in [unit.id, nil] {
            for _ in 0..<LoginThrottle.free { #expect(await isFree("192.0.2.1", tenant)) }
            for _ in 0..<LoginThrottle.freeEverywhere { #expect(await !isFree("192.0.2.1", tenant)) }
            // What was refused there counted nowhere.
            for number in 0..<LoginThrottle.freeEverywhere - LoginThrottle.free {
                #expect(await isFree("198.51.100.\(number)", tenant))
            }
            #expect(await !isFree("203.0.113.1", tenant))
        }
    }

    @Test func loggingOutEndsTheAccessTokenAtOnce() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        _ = try await gateway.user("ann", in: unit)
        let (ended, other) = (
            try await gateway.accessToken("ann", in: unit), try await gateway.accessToken("ann", in: unit)
        )
        #expect(try await gateway.me(ended) == 200)
        #expect(try await gateway.call(.delete, "/v1/sessions/current", as: ended).status == 204)
        #expect(try await gateway.me(ended) == 401)
        #expect(try await gateway.me(other) == 200)
    }

    @Test func whateverIsWrongLooksTheSameAndGuessingRests() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        _ = try await gateway.user("ann", in: unit)
        let nowhere = GatewayFixture.Unit(id: unit.id, slug: "no-such-unit", key: "")
        var answers: [JSON] = []
        for answer in [
            try await gateway.logIn("ann", password: "wrong", in: unit), try await gateway.logIn("bob", in: unit),
            try await gateway.logIn("ann", in: nowhere),
        ] {
            #expect(answer.status == 401)
            var json = answer.json.object ?? [:]
            json["requestId"] = nil
            answers.append(.object(json))
        }
        #expect(Set(answers).count == 1)
        // Somebody who exists and somebody who does not are locked alike, here and where no tenant is.
        for (login, unit) in [("ann", unit), ("ghost", unit), ("ann", nowhere)] {
            var last = 0
            for _ in 0..<LoginThrottle.free + 1 {
                last = try await gateway.logIn(login, password: "wrong", in: unit).status
            }
            #expect(last == 429)
            let locked = try await gateway.logIn(login, in: unit)
            #expect(locked.status == 429)
            #expect(locked.headers["Retry-After"].flatMap { Int($0) }.map { (1...30).contains($0) } == true)
        }
    }

    /// Each attempt counts before it is known what it proves: many at once are no way around.
    @Test func guessingAtManyPlacesAtOnceRestsAsSoon() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let tenant = unit.id
        let throttle = LoginThrottle(database: gateway.database)
        let attempt = LoginThrottle.Attempt(tenant: tenant, slug: unit.slug, login: "ann", network: "192.0.2.1")
        let admitted = await withTaskGroup { group in
            for _ in 0..<20 {
                group.addTask { (try? await throttle.begin(attempt)) != nil }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(admitted == LoginThrottle.free)
        _ = try await gateway.database.flight(tenant, [throttle.forget(attempt)])
        try await throttle.begin(attempt)
    }

    @Test func aPasswordResetWorksOnceAndEndsSessions() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let id = try await gateway.user("ann", in: unit)
        let before = try await gateway.accessToken("ann", in: unit)
        let reset = try await gateway.call(.post, "/v1/users/\(id)/password-reset", as: unit.key)
        let token = try #require(reset.json["token"]?.string)
        func redeem(_ password: String) async throws -> Int {
            try await gateway.call(
                .post, "/v1/password-resets", ["token": token.json, "password": password.json]
            ).status
        }
        let old = "/v1/password-resets/\(token)"
        #expect(try await gateway.call(.post, old, ["password": "short"]).status == 422)
        #expect(try await redeem("short") == 422)
        #expect(try await redeem("another fine one") == 204)
        #expect(try await redeem("and one more time") == 404)
        #expect(try await gateway.call(.post, old, ["password": "and one more time"]).status == 404)
        #expect(try await gateway.me(before) == 401)
        #expect(try await gateway.logIn("ann", in: unit).status == 401)
        #expect(try await gateway.logIn("ann", password: "another fine one", in: unit).status == 201)
    }

    @Test func whoIsDeactivatedOrChangesRoleIsKnownWithinASecond() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let id = try await gateway.user("ann", in: unit)
        let token = try await gateway.accessToken("ann", in: unit)
        #expect(try await gateway.call(.get, "/v1/leads", as: token).json["role"] == "sales")
        let promoted = try await gateway.call(.patch, "/v1/users/\(id)", ["role": "manager"], as: unit.key)
        #expect(promoted.status == 200)
        try await withinASecond { try await gateway.call(.get, "/v1/leads", as: token).json["role"] == "manager" }
        #expect(try await gateway.call(.patch, "/v1/users/\(id)", ["status": "inactive"], as: unit.key).status == 200)
        try await withinASecond { try await gateway.me(token) == 401 }
        #expect(try await gateway.logIn("ann", in: unit).status == 401)
    }

    @Test func aManagerSeesTheTeamsBelow() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        func team(_ name: String, under parent: String? = nil) async throws -> String {
            let team = try await gateway.call(
                .post, "/v1/teams", ["name": name.json, "parentId": parent.json], as: unit.key)
            return try #require(team.json["id"]?.string)
        }
        let top = try await team("top")
        _ = try await gateway.user("head", role: "manager", team: top, in: unit)
        let token = try await gateway.accessToken("head", in: unit)
        func seen() async throws -> Set<String> {
            let answer = try await gateway.call(.get, "/v1/leads", as: token)
            #expect(answer.json["visibility"] == "subtree")
            return Set((answer.json["teams"]?.array ?? []).compactMap(\.string))
        }
        #expect(try await seen() == [top])
        let middle = try await team("middle", under: top)
        let bottom = try await team("bottom", under: middle)
        let other = try await team("other")
        try await withinASecond { try await seen() == [top, middle, bottom] }
        let cycle = try await gateway.call(.patch, "/v1/teams/\(top)", ["parentId": bottom.json], as: unit.key)
        #expect(cycle.status == 422)
        #expect(
            try await gateway.call(.patch, "/v1/teams/\(middle)", ["parentId": other.json], as: unit.key).status == 200)
        try await withinASecond { try await seen() == [top] }
    }

    /// Waits until something is so, as it must be within a second.
    private func withinASecond(_ condition: () async throws -> Bool) async throws {
        try await eventually(within: .seconds(10), condition)
    }

    // MARK: - Tokens

    /// Claims of a user's token, as the gateway would sign them.
    private func claims(_ unit: GatewayFixture.Unit, _ subject: String, _ session: UUID, expires: Int64) throws -> JSON
    {
        var claims =
            AccessToken(
                tenant: unit.id, subject: try #require(UUID(uuidString: subject)), kind: .user, session: session
            ).claims(now: expires - AccessToken.lifetime).object ?? [:]
        claims["exp"] = .int(expires)
        return .object(claims)
    }

    @Test func forgedExpiredAndForeignTokensAreRefused() async throws {
        let gateway = try await GatewayFixture.shared()
        let (unit, other) = (try await gateway.unit(), try await gateway.unit())
        let id = try await gateway.user("ann", in: unit)
        let good = try await gateway.accessToken("ann", in: unit)
        let payload = try #require(Base64URL.decode(good.split(separator: ".")[1]))
        let header = try #require(Base64URL.decode(good.split(separator: ".")[0]))
        let told = try JSON.parse(payload)
        let session = try #require(told["sid"]?.string.flatMap { UUID(uuidString: $0) })
        let now = Timestamp.now().microseconds / 1_000_000

        let keys = SigningKeys(database: gateway.database, rotation: .seconds(86_400))
        try await keys.load()
        func signed(_ claims: JSON, _ signer: TokenSigner) throws -> String { try signer.sign(claims) }
        let live = try claims(unit, id, session, expires: now + 60)
        #expect(try await gateway.me(signed(live, keys.signer)) == 200)
        // Expired, and of another purpose.
        #expect(try await gateway.me(signed(claims(unit, id, session, expires: now - 60), keys.signer)) == 401)
        let internalType = TokenSigner(key: try keys.signer.key, type: "guanxi-identity+jwt")
        #expect(try await gateway.me(signed(live, internalType)) == 401)
        // The same words of another key.
        #expect(try await gateway.me(signed(live, TokenSigner(key: try .generate(), type: AccessToken.type))) == 401)
        // The user and session of one tenant under the name of another.
        #expect(try await gateway.me(signed(claims(other, id, session, expires: now + 60), keys.signer)) == 401)

        // Unsigned, and signed with the public key as a secret.
        let body = good.split(separator: ".")[1]
        func headed(_ algorithm: String) throws -> String {
            var json = try JSON.parse(header).object ?? [:]
            json["alg"] = .string(algorithm)
            return Base64URL.encode(JSON.object(json).serialize()) + "." + body
        }
        #expect(try await gateway.me(headed("none") + ".") == 401)
        #expect(try await gateway.me(headed("none") + "." + good.split(separator: ".")[2]) == 401)
        let symmetric = try headed("HS256")
        let mac = Digest.hmacSHA256(key: keys.keySet.jwks.serialize(), Array(symmetric.utf8))
        #expect(try await gateway.me(symmetric + "." + Base64URL.encode(mac.bytes)) == 401)
        #expect(try await gateway.me("garbage") == 401)
        #expect(try await gateway.me(good) == 200)
    }

    @Test func aNewKeyIsPublishedBeforeItSignsAndTheOldOnesStillVerify() async throws {
        let gateway = try await GatewayFixture.shared()
        let keys = SigningKeys(database: gateway.database, rotation: .seconds(86_400))
        try await keys.load()
        let old = try keys.signer.key.id
        let rotating = SigningKeys(database: gateway.database, rotation: .zero)
        try await rotating.load()
        #expect(try rotating.signer.key.id == old)
        // Another instance, a minute later.
        try await keys.load(now: .now() + SigningKeys.introduction)
        let new = try keys.signer.key.id
        #expect(new != old)
        #expect(rotating.keySet[new] != nil && keys.keySet[old] != nil)
    }

    /// A reset makes whoever has it the user: nobody makes one for somebody who may more than himself.
    @Test func aKeyForUsersMakesNobodyAnAdministrator() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let boss = try await gateway.user("boss", role: "admin", in: unit)
        let made = try await gateway.call(
            .post, "/v1/api-keys",
            ["name": "hr", "role": "admin", "scopes": ["users.read", "users.write", "users.delete"]], as: unit.key)
        let key = try #require(made.json["key"]?.string)
        let path = "/v1/users/\(boss)"
        #expect(try await gateway.call(.post, "\(path)/password-reset", as: key).status == 403)
        #expect(try await gateway.call(.patch, path, ["status": "inactive"], as: key).status == 200)
        #expect(try await gateway.call(.patch, path, ["status": "active"], as: key).status == 403)
        #expect(try await gateway.call(.delete, path, as: key).status == 204)
        #expect(try await gateway.call(.post, "\(path)/restore", as: key).status == 403)
        #expect(try await gateway.call(.post, "\(path)/restore", as: unit.key).status == 200)
    }

    /// A password that was proven while it was changed has proven nothing.
    @Test func aLogInUnderWayDoesNotOutliveItsPassword() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let ann = try #require(UUID(uuidString: try await gateway.user("ann", in: unit)))
        // As a reset leaves it; the log-in has read the old one and waits for this row.
        let change: SQL = """
            update \(schema: unit.id).credentials set password_hash = 'changed' where user_id = \(ann)
            """
        let status = try await gateway.database.whileHeld(unit.id, [change]) {
            try await gateway.logIn("ann", in: unit).status
        }
        #expect(status == 401)
    }

    @Test func whoseManagerIsGoneCanStillBeChanged() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let (boss, ann) = (try await gateway.user("boss", in: unit), try await gateway.user("ann", in: unit))
        let path = "/v1/users/\(ann)"
        #expect(try await gateway.call(.patch, path, ["managerId": boss.json], as: unit.key).status == 200)
        #expect(try await gateway.call(.delete, "/v1/users/\(boss)", as: unit.key).status == 204)
        #expect(try await gateway.call(.patch, path, ["status": "inactive"], as: unit.key).status == 200)
        #expect(try await gateway.call(.patch, path, ["managerId": UUIDv7.make().json], as: unit.key).status == 422)
    }

    // MARK: - API keys

    @Test func aRevokedKeyIsRefusedHereAtOnceAndElsewhereWithinASecond() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let made = try await gateway.call(.post, "/v1/api-keys", ["name": "crm", "role": "sales"], as: unit.key)
        let key = try #require(made.json["key"]?.string)
        let id = try #require(made.json["id"]?.string)
        #expect(try await gateway.me(key) == 200)

        // Another instance on the same database, which has seen the key.
        let (elsewhere, revocations) = anotherInstance(gateway)
        try await revocations.look()
        try await withThrowingTaskGroup { group in
            group.addTask { try await revocations.run() }
            _ = try await elsewhere.identify(key)
            #expect(try await gateway.call(.delete, "/v1/api-keys/\(id)", as: unit.key).status == 204)
            #expect(try await gateway.me(key) == 401)
            try await eventually(within: .seconds(10)) { (try? await elsewhere.identify(key)) == nil }
            group.cancelAll()
        }
        #expect(try await gateway.call(.get, "/v1/api-keys/\(id)", as: unit.key).json["revokedAt"]?.string != nil)
    }

    private func anotherInstance(_ gateway: GatewayFixture) -> (Authenticator, Revocations) {
        let cache = TokenCache<Identity>()
        let revocations = Revocations(database: gateway.database, cache: cache)
        let authenticator = Authenticator(
            keys: SigningKeys(database: gateway.database, rotation: .seconds(86_400)),
            accounts: Accounts(database: gateway.database), directory: gateway.database.directory,
            revocations: revocations, cache: cache, group: gateway.database.database.group)
        return (authenticator, revocations)
    }

    /// A process that was just started knows no key yet, and its callers do not wait for each other.
    @Test func aKeyThatComesManyTimesAtOnceIsLookedUpOnce() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let (authenticator, revocations) = anotherInstance(gateway)
        try await revocations.look()
        let configuration = gateway.database.database.configuration
        let count = 2 * (configuration.waitersPerLoop + configuration.connectionsPerLoop)
        let tenants = try await withTaskExecutorPreference(gateway.database.database.group.next()) {
            try await withThrowingTaskGroup(of: TenantID?.self) { group in
                for _ in 0..<count {
                    group.addTask { try await authenticator.identify(unit.key).principal.tenant }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
        #expect(tenants.count == count && Set(tenants) == [unit.id])
    }

    @Test func whoGuessesKeysSoonHearsToWaitAndOthersDoNot() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let (authenticator, revocations) = anotherInstance(gateway)
        try await revocations.look()
        let limits = RateLimits(.init(stranger: RateLimit(name: "address", perSecond: 0.001)))
        let router = try Router(
            [
                Endpoint(
                    .get, "/", id: "get", summary: "", permission: .anyCaller, responses: [ResponseSpec(200, "")]
                ) { _ in HTTPResponse(.ok) }
            ], middleware: [AuthenticationMiddleware(authenticator: authenticator, limits: limits), limits],
            events: RouterEvents(unexpected: { error, _, _ in Issue.record(error) }))
        func status(_ authorization: String, from address: String) async -> HTTPStatus {
            let headers: HTTPHeaders = ["Authorization": authorization]
            return await router.respond(
                to: HTTPRequest(.get, "/", headers: headers, remoteAddress: address)
            ).status
        }
        #expect(await status("Bearer guess", from: "192.0.2.1") == .unauthorized)
        #expect(await status("Bearer guess", from: "192.0.2.1") == .tooManyRequests)
        #expect(await status("Basic guess", from: "192.0.2.1") == .tooManyRequests)
        #expect(await status("Bearer guess", from: "192.0.2.2") == .unauthorized)
        // Who proves something is not meant, wherever he calls from.
        #expect(await status("Bearer \(unit.key)", from: "192.0.2.1") == .ok)
    }

    @Test func withoutNewsOfRevocationsNobodyIsBelieved() async throws {
        let gateway = try await GatewayFixture.shared()
        let revocations = Revocations(database: gateway.database, cache: TokenCache())
        #expect(throws: Problem.self) { try revocations.requireNews() }
        try await revocations.look()
        #expect(throws: Never.self) { try revocations.requireNews() }
    }

    @Test func scopesNarrowARoleAndNobodyGivesMoreThanHeMay() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        let narrow = try await gateway.call(
            .post, "/v1/api-keys",
            ["name": "n", "role": "sales", "scopes": ["leads.read", "api-keys.write", "api-keys.read"]], as: unit.key)
        let key = try #require(narrow.json["key"]?.string)
        // Sales may not make keys, so the scope gives nothing.
        #expect(try await gateway.call(.get, "/v1/leads", as: key).json["permissions"] == ["leads.read"])
        #expect(try await gateway.call(.post, "/v1/api-keys", ["name": "x", "role": "sales"], as: key).status == 403)
        let makers = try await gateway.call(
            .post, "/v1/api-keys", ["name": "m", "role": "admin", "scopes": ["api-keys.write"]], as: unit.key)
        let maker = try #require(makers.json["key"]?.string)
        #expect(try await gateway.call(.post, "/v1/api-keys", ["name": "x", "role": "admin"], as: maker).status == 403)
        let unknown = try await gateway.call(
            .post, "/v1/api-keys", ["name": "x", "role": "admin", "scopes": ["leads.eat"]], as: unit.key)
        #expect(unknown.status == 422)
        #expect(unknown.json["errors"]?[0]?["path"] == "/scopes/0")
        let past = try await gateway.call(
            .post, "/v1/api-keys", ["name": "x", "role": "admin", "expiresAt": "2020-01-01T00:00:00Z"], as: unit.key)
        #expect(past.status == 422)
    }

    @Test func aKeyIsExchangedForATokenByClientCredentials() async throws {
        let gateway = try await GatewayFixture.shared()
        let unit = try await gateway.unit()
        func token(_ form: String) async throws -> GatewayFixture.Answer {
            try await gateway.call(
                .post, "/v1/token", headers: ["Content-Type": "application/x-www-form-urlencoded"],
                raw: Array(form.utf8))
        }
        let answer = try await token("grant_type=client_credentials&client_secret=\(unit.key)")
        #expect(answer.status == 200)
        #expect(try await gateway.me(try #require(answer.json["access_token"]?.string)) == 200)
        let other = try await token(
            "grant_type=client_credentials&client_id=\(UUIDv7.make().lowercased)&client_secret=\(unit.key)")
        #expect(other.status == 401)
        func basic(_ user: some StringProtocol) -> String {
            "Basic \(Data("\(user):\(unit.key)".utf8).base64EncodedString())"
        }
        let id = unit.key.split(separator: "_")[1]
        // Of Basic the password is the key; the name says nothing.
        for header in ["Bearer \(unit.key)", basic(id), basic(""), basic("gx")] {
            let answer = try await gateway.call(
                .post, "/v1/token",
                headers: ["Content-Type": "application/x-www-form-urlencoded", "Authorization": header],
                raw: Array("grant_type=client_credentials".utf8))
            #expect(answer.status == 200)
        }
        let wrong = try await token("grant_type=client_credentials&client_secret=\(unit.key.dropLast())x")
        #expect(wrong.status == 401)
        #expect(wrong.json["error"] == "invalid_client")
        #expect(try await token("grant_type=password&client_secret=\(unit.key)").status == 400)
    }
}
