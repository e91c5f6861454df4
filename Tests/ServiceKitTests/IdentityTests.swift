import Contracts
import Foundation
import HTTP
import JSON
import Security
import ServiceKit
import Synchronization
import Testing
import Values

@Suite struct IdentityTests {
    let start = Timestamp(milliseconds: 1_800_000_000_000)
    let gateway: IdentityMinter
    let principal = Principal(
        tenant: TenantID.make(), subject: UUIDv7.make().lowercased, kind: .user, role: "manager",
        permissions: ["leads.read", "leads.write"], visibility: .subtree, teamIDs: [UUIDv7.make(), UUIDv7.make()],
        language: .chinese)

    init() throws { gateway = IdentityMinter(issuer: "gateway", key: try .generate()) }

    func middleware(_ minters: IdentityMinter..., at time: Timestamp? = nil) -> IdentityMiddleware {
        let sources = minters.map { minter in
            (minter.issuer, RemoteKeySet { minter.keys.jwks.serialize() })
        }
        let now = time ?? start
        return IdentityMiddleware(issuers: Dictionary(uniqueKeysWithValues: sources), clock: { now })
    }

    func code(_ work: () async throws -> some Any) async -> Int? {
        do {
            _ = try await work()
            return nil
        } catch let problem as Problem { return problem.type.status } catch { return -1 }
    }

    @Test func aPrincipalTravelsWhole() async throws {
        let token = try gateway.token(for: principal, now: start)
        let middleware = middleware(gateway)
        #expect(try await middleware.principal(of: token) == principal)
        #expect(try await middleware.principal(of: token) == principal)
    }

    /// The names of all permissions of a role would be most of what each request carries.
    @Test func aRoleNamesItsPermissions() async throws {
        for role in Role.allCases {
            let names = PermissionMatrix.permissions(of: role)
            for permissions: Set<String> in [names, names.filter { $0.hasSuffix(".read") }, []] {
                let principal = Principal(
                    tenant: .make(), subject: UUIDv7.make().lowercased, kind: .apiKey, role: role.rawValue,
                    permissions: Set(permissions.map { Permission($0) }), visibility: .all)
                let token = try gateway.token(for: principal, now: start)
                #expect(try await middleware(gateway).principal(of: token) == principal)
                #expect(permissions != names || token.utf8.count < 600, "\(token.utf8.count)")
            }
        }
    }

    @Test func tokensAreReusedForHalfTheirLife() throws {
        let first = try gateway.token(for: principal, now: start)
        #expect(try gateway.token(for: principal, now: start + .seconds(30)) == first)
        #expect(try gateway.token(for: principal, now: start + .seconds(31)) != first)
        let other = Principal(
            tenant: principal.tenant, subject: principal.subject, kind: .user, role: "sales", permissions: [],
            visibility: .own)
        #expect(try gateway.token(for: other, now: start) != first)
    }

    @Test func expiredForeignAndForgedTokensAreRefused() async throws {
        let token = try gateway.token(for: principal, now: start)
        #expect(await code { try await middleware(gateway, at: start + .seconds(66)).principal(of: token) } == 401)
        #expect(await code { try await middleware(gateway).principal(of: "garbage") } == 401)
        // Signed by somebody else in the gateway's name.
        let impostor = IdentityMinter(issuer: "gateway", key: try .generate())
        let forged = try impostor.token(for: principal, now: start)
        #expect(await code { try await middleware(gateway).principal(of: forged) } == 401)
        // A service may speak for itself only, whatever it signs.
        let leads = IdentityMinter(issuer: "leads", key: try .generate())
        let both = middleware(gateway, leads)
        let own = leads.servicePrincipal(for: principal.tenant, permissions: ["accounts.write"])
        #expect(try await both.principal(of: leads.token(for: own, now: start)) == own)
        let posing = try leads.token(for: principal, now: start)
        #expect(await code { try await both.principal(of: posing) } == 401)
        #expect(await code { try await middleware(gateway).principal(of: leads.token(for: own, now: start)) } == 401)
    }

    @Test func withoutTheIssuersKeysTheAnswerIs503() async throws {
        struct Down: Error {}
        let token = try gateway.token(for: principal, now: start)
        let now = start
        let middleware = IdentityMiddleware(
            issuers: ["gateway": RemoteKeySet { throw Down() }], clock: { now })
        #expect(await code { try await middleware.principal(of: token) } == 503)
    }

    @Test func keysAreFetchedOncePerCoolDownAndStayWhenTheIssuerIsDown() async throws {
        struct Down: Error {}
        let calls = Mutex(0)
        let isDown = Mutex(false)
        let offset = Mutex(Duration.zero)
        let origin = ContinuousClock.now
        let minter = gateway
        let keys = RemoteKeySet(
            coolDown: .seconds(1), maximumAge: .seconds(300), clock: { origin + offset.withLock { $0 } },
            fetch: {
                calls.withLock { $0 += 1 }
                if isDown.withLock({ $0 }) { throw Down() }
                return minter.keys.jwks.serialize()
            })
        for number in 0..<50 { _ = await keys.keys(for: "unknown-\(number)") }
        #expect(calls.withLock { $0 } == 1)
        offset.withLock { $0 = .seconds(2) }
        isDown.withLock { $0 = true }
        #expect(await keys.keys(for: "unknown").isEmpty == false)
        #expect(calls.withLock { $0 } == 2)
        try await keys.check()
    }

    @Test func aPrincipalThatDoesNotFitAHeaderIsRefused() {
        let teams = (0..<2_000).map { _ in UUIDv7.make() }
        let giant = Principal(
            tenant: nil, subject: "x", kind: .user, role: "manager", permissions: [], visibility: .subtree,
            teamIDs: teams)
        #expect(throws: PrincipalTooLarge.self) { try gateway.token(for: giant) }
    }
}
