import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// Who is who, from the service's copy of the directory.
public struct Directory: Sendable {
    public let database: TenantDatabase
    /// What the copy has.
    let kept: Set<DirectoryCopy.Part>
    /// What of it is kept since a later release: until it is filled, what it does not know may be there.
    private let filling: Set<DirectoryCopy.Part>
    private let patience: Duration

    /// - Parameters:
    ///   - kept: what the service keeps of the directory; people always.
    ///   - filling: what of it ``CopyFilling`` fills.
    ///   - patience: so long after a request somebody whom the copy does not know is waited for.
    public init(
        _ database: TenantDatabase, keeping kept: Set<DirectoryCopy.Part> = [.people],
        filling: Set<DirectoryCopy.Part> = [], patience: Duration = .seconds(2)
    ) {
        (self.database, self.kept, self.filling, self.patience) = (database, kept, filling, patience)
    }

    public struct Person: Sendable, Hashable {
        public let id: UUID
        public let name: String
        public let login: String
        public let team: UUID?
        /// Not deactivated, not deleted.
        public let isActive: Bool

        /// As `expand` shows it.
        var json: JSON { ["id": id.json, "name": name.json, "login": login.json] }
    }

    /// Some people, by what they were looked for.
    public struct People: Sendable {
        fileprivate var byID: [UUID: Person] = [:]
        fileprivate var byName: [String: Person] = [:]

        public subscript(id: UUID) -> Person? { byID[id] }
        /// By login or e-mail, whatever the case of its letters; an active one if several have had it.
        public subscript(login: String) -> Person? { byName[login.lowercased()] }
    }

    /// People by id, login or e-mail.
    ///
    /// The copy is some milliseconds behind the gateway: somebody made a moment ago may not be in it yet, and must not be
    /// taken for nobody. Whoever is named in a request was there before it, so the copy is given some time after the
    /// request to hear of him. Those it knows, deactivated ones too, cost no waiting; those that do not exist cost it
    /// once per request, or once per file of an import, as the time counts from when it was asked.
    ///
    /// - Parameter asked: when the request came; nil takes the copy as it is.
    public func people(
        _ ids: some Collection<UUID>, logins: some Collection<String> = [], tenant: TenantID, asked: Timestamp?
    ) async throws -> People {
        let (ids, logins) = (Set(ids), Set(logins.map { $0.lowercased() }))
        guard !ids.isEmpty || !logins.isEmpty else { return People() }
        return try await awaiting(asked) {
            let people = try await find(ids, logins, tenant)
            return (
                people, ids.allSatisfy { people[$0] != nil } && logins.allSatisfy { people[$0] != nil }
            )
        }
    }

    /// What `find` finds once it is whole, or the copy has had its time to hear of the rest.
    private func awaiting<Found>(
        _ asked: Timestamp?, find: () async throws -> (found: Found, isWhole: Bool)
    ) async throws -> Found {
        var pause = Duration.milliseconds(10)
        while true {
            let (found, isWhole) = try await find()
            guard !isWhole, let asked else { return found }
            let remaining = min(patience, (asked + patience) - .now())
            guard remaining > .zero else { return found }
            try await Task.sleep(for: min(pause, remaining))
            pause = min(pause * 2, .milliseconds(250))
        }
    }

    /// Those of some teams, business lines or products that are there, deleted ones apart. The copy is given time as for
    /// people.
    func places(
        _ ids: some Collection<UUID>, _ part: DirectoryCopy.Part, tenant: TenantID, asked: Timestamp?
    ) async throws -> Set<UUID> {
        let ids = Set(ids)
        guard !ids.isEmpty else { return [] }
        return try await awaiting(asked) {
            let rows = try await database.look(
                tenant, "select id, active from \(schema: tenant).\(ident: part.table) where id = any(\(Array(ids)))")
            let active = Set(try rows.filter { try $0.get(1) }.map { try $0.get(0, as: UUID.self) })
            if rows.count == ids.count { return (active, true) }
            guard try await isFilled(part, tenant) else {
                let known = Set(try rows.map { try $0.get(0, as: UUID.self) })
                return (active.union(ids.subtracting(known)), true)
            }
            return (active, false)
        }
    }

    private func isFilled(_ part: DirectoryCopy.Part, _ tenant: TenantID) async throws -> Bool {
        guard filling.contains(part) else { return true }
        let rows = try await database.look(
            tenant, "select 1 from \(schema: tenant).filled_copies where part = \(part.rawValue)")
        return !rows.isEmpty
    }

    private func find(_ ids: Set<UUID>, _ logins: Set<String>, _ tenant: TenantID) async throws -> People {
        let (ids, logins) = (Array(ids), Array(logins))
        let rows = try await database.look(
            tenant,
            """
            select id, lower(login), lower(email), team_id, active, name, login from \(schema: tenant).users
            where id = any(\(ids)) or lower(login) = any(\(logins)) or lower(email) = any(\(logins))
            order by active, id
            """)
        var people = People()
        for row in rows {
            let person = Person(
                id: try row.get(0), name: try row.get(5), login: try row.get(6), team: try row.get(3),
                isActive: try row.get(4))
            people.byID[person.id] = person
            people.byName[try row.get(1)] = person
            if let email = try row.get(2, as: String?.self) { people.byName[email] = person }
        }
        return people
    }

    // MARK: - Refusals

    /// 422 for a person who is named where only an active one may be; nil for one who may.
    static func refusal(_ person: Person?, named name: String, at path: String) -> Problem? {
        switch person?.isActive {
        case true: return nil
        case false:
            return .validation([
                FieldError(
                    path, code: "inactiveUser",
                    .init(
                        en: "This user is deactivated: name an active one, or reactivate this one first: "
                            + "\(name.prefix(80)).",
                        zh: "该用户已停用，请填写启用的用户，或先启用该用户：\(name.prefix(80))。"))
            ])
        default:
            return .unknownReference(path, name, kind: ("user", "用户", "/v1/users"))
        }
    }

    /// 422 for a team, business line or product that is not there.
    static func refusal(_ part: DirectoryCopy.Part, _ id: UUID, at path: String) -> Problem {
        let kind =
            switch part {
            case .people: (en: "user", zh: "用户", list: "/v1/users")
            case .teams: (en: "team", zh: "团队", list: "/v1/teams")
            case .businessLines: (en: "business line", zh: "业务线", list: "/v1/business-lines")
            case .products: (en: "product", zh: "产品", list: "/v1/products")
            }
        return .unknownReference(path, id.lowercased, kind: kind)
    }

    /// Checks a team, business line or product that somebody names in a request.
    ///
    /// - Throws: 422 for `path` when it is not there; a service that keeps no copy takes it as it is.
    public func check(
        _ id: UUID, _ part: DirectoryCopy.Part, at path: String, _ context: WriteContext
    ) async throws {
        guard kept.contains(part) else { return }
        let found = try await places([id], part, tenant: context.tenant, asked: context.askedAt)
        guard found.contains(id) else { throw Self.refusal(part, id, at: path) }
    }

    /// A person whom somebody names in a request.
    ///
    /// - Throws: 422 for `path` when he does not exist or is deactivated.
    public func active(_ id: UUID, at path: String, _ context: WriteContext) async throws -> Person {
        let person = try await people([id], tenant: context.tenant, asked: context.askedAt)[id]
        if let refusal = Self.refusal(person, named: id.lowercased, at: path) { throw refusal }
        guard let person else { throw Problem(.internalError) }
        return person
    }
}
