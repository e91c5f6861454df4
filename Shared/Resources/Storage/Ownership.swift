import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// Who owns a record, and so who sees it.
public struct Ownership<Record: Sendable>: Sendable {
    /// The columns are `owner_id` and `team_id`.
    public let owner: any WritableKeyPath<Record, UUID?> & Sendable
    public let team: any WritableKeyPath<Record, UUID?> & Sendable
    /// Whether a new one without an owner belongs to the person who enters it; false where rules say first.
    let takesCaller: Bool
    /// What a person must be allowed to do to give records to others; nil for no such bound. Giving one to another is
    /// an event of its own then.
    let giving: Permission?
    /// What a record belongs to, whose sight is enough: who sees a customer sees its orders.
    let parent: Parent?

    /// An owned record that others hang on.
    public struct Parent: Sendable {
        let column: String
        let table: String

        /// - Parameter column: of the record; holds ids of `table`.
        public init(_ column: String, of table: String) { (self.column, self.table) = (column, table) }
    }

    public init(
        owner: any WritableKeyPath<Record, UUID?> & Sendable, team: any WritableKeyPath<Record, UUID?> & Sendable,
        takesCaller: Bool = true, giving: Permission? = nil, parent: Parent? = nil
    ) {
        (self.owner, self.team, self.parent) = (owner, team, parent)
        (self.takesCaller, self.giving) = (takesCaller, giving)
    }

    /// Whether the record is in this sight by its own owner and team.
    func admits(_ sight: Sight, _ record: Record) -> Bool {
        sight.reaches(owner: record[keyPath: owner], team: record[keyPath: team])
    }

    /// The condition that lets through what the principal sees; nil when that is everything.
    func condition(_ principal: Principal, _ schema: SchemaName) -> SQL? {
        guard let own = principal.ownershipCondition else { return nil }
        guard let parent else { return own }
        // Not `in`: whoever sees more parents than fit into PostgreSQL's memory for one step had them all looked through
        // for each record, 46 s for the orders of 300,000 accounts. By their key it is 0.08 s.
        return """
            (\(own) or exists (
                select from \(schema).\(ident: parent.table) as parent
                where parent.id = \(ident: parent.column) and \(own)))
            """
    }
}

extension FieldChanges {
    /// Refuses an assignment that says nothing: nobody's is a record by saying so.
    public func requireAssignee() throws(Problem) {
        guard !contains("ownerId"), !contains("teamId") else { return }
        throw .validation([
            FieldError(
                "/ownerId", code: "required",
                .init(en: "Name ownerId, teamId or both; null for nobody.", zh: "请填写 ownerId、teamId 或两者；null 表示无人。"))
        ])
    }
}

/// Whose records somebody sees.
public struct Sight: Sendable, Hashable {
    let subject: UUID?
    let visibility: Principal.Visibility
    let teams: [UUID]

    public init(_ principal: Principal) {
        (subject, visibility, teams) = (principal.subjectID, principal.visibility, principal.teamIDs)
    }

    func reaches(owner: UUID?, team: UUID?) -> Bool {
        switch visibility {
        case .all: return true
        case .own: return owner != nil && owner == subject
        case .team, .subtree:
            if let owner, owner == subject { return true }
            return team.map(teams.contains) ?? false
        }
    }

    // MARK: - Told to another service

    public var json: JSON {
        ["subject": subject.json, "visibility": .string(visibility.rawValue), "teams": .array(teams.map(\.json))]
    }

    /// nil for what is no sight.
    public init?(_ json: JSON) {
        guard let visibility = json["visibility"]?.string.flatMap(Principal.Visibility.init) else { return nil }
        self.visibility = visibility
        subject = json["subject"]?.string.flatMap { UUID($0) }
        teams = (json["teams"]?.array ?? []).compactMap { $0.string.flatMap { UUID($0) } }
    }
}

extension Resource {
    /// Whether the principal may see the record.
    public func admits(_ principal: Principal, _ record: Record, tenant: TenantID) async throws -> Bool {
        try await admits(Sight(principal), record, tenant: tenant)
    }

    /// Whether somebody of this sight may see the record.
    public func admits(_ sight: Sight, _ record: Record, tenant: TenantID) async throws -> Bool {
        guard let ownership, !ownership.admits(sight, record) else { return true }
        guard let parent = ownership.parent else { return false }
        let rows = try await database.query(
            tenant,
            """
            select p.owner_id, p.team_id from \(table.qualified(SchemaName(tenant))) r
            join \(schema: tenant).\(ident: parent.table) p on p.id = r.\(ident: parent.column) where r.id = \(record.id)
            """)
        return try rows.first.map { sight.reaches(owner: try $0.get(0), team: try $0.get(1)) } ?? false
    }
}

extension Principal {
    /// The condition that lets through what the principal sees; nil when that is everything.
    public var ownershipCondition: SQL? {
        switch visibility {
        case .all: nil
        case .own: "owner_id = \(subjectID)"
        case .team, .subtree: "(owner_id = \(subjectID) or team_id = any(\(teamIDs)))"
        }
    }
}
