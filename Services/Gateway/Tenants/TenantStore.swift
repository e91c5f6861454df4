import EventLog
import HTTP
import Postgres
import Tenancy
import Values

/// The records of tenants and the events that tell of them, in one transaction each.
struct TenantStore: Sendable {
    let database: TenantDatabase
    let committed: @Sendable () -> Void

    /// - Parameter key: an id or a slug.
    /// - Throws: 404.
    func find(_ key: String) async throws -> TenantRecord {
        let rows = try await database.database.query(
            """
            select \(TenantRecord.columns) from shared.tenant_records
            where (id = \(key) or slug = \(key)) and state <> 'deleting' order by id = \(key) desc limit 1
            """, role: database.serviceRole)
        guard let row = rows.first else { throw Problem(.notFound) }
        return try TenantRecord(row)
    }

    /// The tenants after a slug.
    func list(after slug: String?, limit: Int) async throws -> [TenantRecord] {
        try await database.database.query(
            """
            select \(TenantRecord.columns) from shared.tenant_records
            where slug > \(slug ?? "") and state <> 'deleting' order by slug limit \(limit)
            """, role: database.serviceRole
        ).map { try TenantRecord($0) }
    }

    /// Those whose last change has not reached every service and is not on its way.
    func unsettled(before limit: Timestamp) async throws -> [TenantRecord] {
        try await database.database.query(
            """
            select \(TenantRecord.columns) from shared.tenant_records
            where not is_settled and updated_at < \(limit) order by updated_at
            """, role: database.serviceRole
        ).map { try TenantRecord($0) }
    }

    func insert(_ record: TenantRecord) async throws {
        try await database.database.query(Self.insertion(of: record), role: database.serviceRole)
    }

    static func insertion(of record: TenantRecord) -> SQL {
        let d = record.description
        return """
            insert into shared.tenant_records (\(TenantRecord.columns))
            values (\(record.id.text), \(d.slug), \(d.name), \(d.timeZone), \(d.currency), \(d.industry), \(d.settings),
                \(record.state.rawValue), \(record.isSettled), \(record.version), \(record.createdAt),
                \(record.updatedAt), \(record.server))
            """
    }

    /// Stores `new` in place of `old`, if nobody else changed it meanwhile, with the event that tells of it.
    /// - Throws: 409 when somebody did.
    func replace(_ old: TenantRecord, with new: TenantRecord, event: CloudEvent?) async throws {
        let d = new.description
        try await database.shared { transaction in
            let changed = try await transaction.execute(
                """
                update shared.tenant_records set slug = \(d.slug), name = \(d.name), time_zone = \(d.timeZone),
                    currency = \(d.currency), industry = \(d.industry), settings = \(d.settings),
                    state = \(new.state.rawValue), is_settled = \(new.isSettled), version = \(new.version),
                    updated_at = \(new.updatedAt)
                where id = \(new.id.text) and version = \(old.version) and state = \(old.state.rawValue)
                """)
            guard changed == 1 else { throw Problem(.conflict, retryAfter: .seconds(1)) }
            if let event { try await transaction.query(Outbox.insertNamingTenants([event])) }
        }
        committed()
    }

    /// A tenant's record, whatever its state; nil when there is none.
    func stored(_ id: TenantID) async throws -> TenantRecord? {
        try await database.database.query(
            "select \(TenantRecord.columns) from shared.tenant_records where id = \(id.text)",
            role: database.serviceRole
        ).first.map { try TenantRecord($0) }
    }

    /// Every service has been told of this version.
    func settle(_ record: TenantRecord) async throws {
        try await database.database.query(
            "update shared.tenant_records set is_settled = (version = \(record.version)) where id = \(record.id.text)",
            role: database.serviceRole)
    }

    /// Takes a tenant that was half made from whoever makes it; false when he has finished meanwhile.
    func claimRemoval(of record: TenantRecord) async throws -> Bool {
        try await database.database.flight(
            role: database.serviceRole,
            [
                """
                update shared.tenant_records set state = 'deleting', is_settled = false
                where id = \(record.id.text) and version = \(record.version) and state = \(record.state.rawValue)
                """
            ])[0].affected == 1
    }

    /// Does something of which there is one at a time for a tenant, in all gateways.
    func inTurn(_ id: TenantID, _ body: @escaping @Sendable () async throws -> Void) async throws {
        try await database.database.withLocks(database.serviceRole) { session in
            try await session.query("select pg_advisory_lock(hashtextextended(\(id.text), 6161))")
            try await body()
        }
    }

    /// Does something to a tenant whose restore was interrupted.
    /// - Throws: 409 while somebody restores it.
    func unlessRestored(_ record: TenantRecord, _ body: @escaping @Sendable () async throws -> Void) async throws {
        let turn = GatewayService.restoreTurn(record.description.slug)
        guard try await database.database.ifAlone(turn, database.serviceRole, body) != nil else {
            throw Problem(
                .conflict,
                .init(en: "The tenant is being restored: wait until that ends.", zh: "该租户正在恢复中，请等待完成。"),
                retryAfter: .seconds(10))
        }
    }

    /// Forgets a tenant that no service has any more.
    func remove(_ id: TenantID) async throws {
        _ = try await database.database.flight(
            role: database.serviceRole,
            [
                "delete from shared.api_key_index where tenant = \(id.text)",
                "delete from shared.tenant_records where id = \(id.text)",
            ])
    }
}
