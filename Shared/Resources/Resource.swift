import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// What all resources of a service share.
public struct ResourceEnvironment: Sendable {
    public let writer: Writer
    public let cursors: Cursors
    public let customFields: CustomFieldStore
    /// Says when what is kept of the tenants' rules is out of date.
    public let ruleVersions: RuleVersions
    /// The `source` of the service's events: `/leads`.
    public let source: String
    /// Knows the tenant's people; nil where the service keeps no copy of the directory.
    public let directory: Directory?
    /// How fast imports go.
    public let importPace: ImportPace
    let batches = BatchQueues()
    let searchSamples = SearchSamples()

    public init(
        writer: Writer, cursors: Cursors, source: String, directory: Directory? = nil,
        importPace: ImportPace = ImportPace(), ruleVersions: RuleVersions? = nil
    ) {
        self.writer = writer
        self.cursors = cursors
        self.source = source
        self.directory = directory
        self.importPace = importPace
        self.ruleVersions = ruleVersions ?? RuleVersions(database: writer.database)
        customFields = CustomFieldStore(database: writer.database, versions: self.ruleVersions)
    }

    public var database: TenantDatabase { writer.database }
}

/// A collection of aggregates: how it is stored, who sees it, what its domain says, and so every usual act on it.
///
/// `endpoints` gives these acts over HTTP; sagas and consumers call them directly.
public struct Resource<Record: Aggregate>: Sendable {
    /// In paths and permissions: `leads`.
    public let collection: String
    public let table: Table<Record>
    public let environment: ResourceEnvironment
    public let ownership: Ownership<Record>?
    /// Members of a creation's body that are no fields: references by other names.
    public let inputs: ObjectSchema
    public let rules: ResourceRules<Record>
    /// The column of folded text that `q=` looks through, with the spellings of Chinese names in it; nil = no search.
    public let searchColumn: String?
    /// What `expand=` may name, and how it is loaded for a page of records.
    public let expansions: [String: @Sendable (TenantID, [Record]) async throws -> [JSON]]
    /// Names of the fields that name a person.
    let personFields: [String]
    /// Names of the fields that name a team, a business line or a product, where the service knows those.
    let placeFields: [(name: String, part: DirectoryCopy.Part)]

    public init(
        _ collection: String, table: String? = nil, environment: ResourceEnvironment,
        ownership: Ownership<Record>? = nil, inputs: [FieldDefinition] = [],
        rules: ResourceRules<Record> = ResourceRules(), searchColumn: String? = nil,
        expansions: [String: @Sendable (TenantID, [Record]) async throws -> [JSON]] = [:]
    ) {
        self.collection = collection
        self.table = Table(table ?? collection.replacing("-", with: "_"))
        self.environment = environment
        self.ownership = ownership
        self.inputs = ObjectSchema("Inputs", [.occurredAt] + inputs)
        self.rules = rules
        self.searchColumn = searchColumn
        self.expansions = expansions.merging(Self.owners(ownership, environment.directory)) { own, _ in own }
        personFields = Record.catalogue.schema.fields.filter { $0.type == .reference(to: "user") }.map(\.name)
        placeFields = Record.catalogue.schema.fields.compactMap { field in
            guard case .reference(let target) = field.type, let part = DirectoryCopy.Part(rawValue: target),
                part != .people, environment.directory?.kept.contains(part) == true
            else { return nil }
            return (field.name, part)
        }
    }

    /// `expand=owner`: who owns each, by name and login; null where nobody does.
    private static func owners(
        _ ownership: Ownership<Record>?, _ directory: Directory?
    ) -> [String: @Sendable (TenantID, [Record]) async throws -> [JSON]] {
        guard let ownership, let directory else { return [:] }
        return [
            "owner": { tenant, records in
                let owners = records.map { $0[keyPath: ownership.owner] }
                let people = try await directory.people(owners.compactMap(\.self), tenant: tenant, asked: nil)
                return owners.map { $0.flatMap { people[$0]?.json } ?? .null }
            }
        ]
    }

    public var entity: Entity<Record> { table.entity }
    var database: TenantDatabase { environment.database }
    var writer: Writer { environment.writer }

    /// Whether records are found by a readable code too.
    var hasCode: Bool { entity["code"] != nil }
    /// Whether records carry the identity of another system.
    var hasExternalID: Bool { entity["externalId"] != nil && entity["externalSystem"] != nil }

    // MARK: - Reading

    /// The record with this id, deleted or not; nil when there is none.
    public func find(_ id: UUID, tenant: TenantID) async throws -> Record? {
        let schema = SchemaName(tenant)
        return try await first(tenant, "\(table.select(schema)) where id = \(id)")
    }

    /// The records with these ids that are not deleted, in no order.
    public func find(_ ids: [UUID], tenant: TenantID) async throws -> [Record] {
        guard !ids.isEmpty else { return [] }
        let rows = try await database.query(
            tenant, "\(table.select(SchemaName(tenant))) where id = any(\(ids)) and deleted_at is null")
        return try rows.map { try table.record($0) }
    }

    /// The record that another system knows by this; nil when there is none. Deleted ones are found too: their
    /// identity is still taken.
    public func find(_ key: ExternalKey, tenant: TenantID) async throws -> Record? {
        let system: SQL = key.system.map { "= \($0)" } ?? "is null"
        return try await first(
            tenant,
            "\(table.select(SchemaName(tenant))) where external_id = \(key.id) and external_system \(system)")
    }

    /// The record that another system knows by this, under whichever of its identities.
    func known(by key: ExternalKey, tenant: TenantID) async throws -> Record? {
        if let found = try await find(key, tenant: tenant) { return found }
        return try await rules.finding(key, tenant)
    }

    /// The record of a path's `{id}`: an id or, where the resource has them, a readable code.
    ///
    /// - Throws: 404 when there is none, it is deleted, or the principal may not see it: these look the same.
    public func visible(_ key: String, _ principal: Principal, tenant: TenantID, deleted: Bool = false) async throws
        -> Record
    {
        let condition: SQL
        if let id = UUID(key) {
            condition = "id = \(id)"
        } else if hasCode, key.utf8.count <= 40 {
            condition = "code = \(key)"
        } else {
            throw Problem(.notFound)
        }
        guard let record = try await first(tenant, "\(table.select(SchemaName(tenant))) where \(condition)"),
            (record.deletedAt != nil) == deleted, try await admits(principal, record, tenant: tenant)
        else { throw Problem(.notFound) }
        return record
    }

    private func first(_ tenant: TenantID, _ sql: SQL) async throws -> Record? {
        try await database.look(tenant, sql).first.map { try table.record($0) }
    }
}
