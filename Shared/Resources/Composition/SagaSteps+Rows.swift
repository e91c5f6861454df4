import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// The rows of `conversions`: which object each step of a saga has, and that a saga was taken back.
extension SagaSteps {
    /// Notes what was there before.
    ///
    /// - Throws: ``WriteState/stale`` when it was deleted since it was found, or the saga was taken back.
    static func keep<Record: Aggregate>(
        _ found: Record, _ saga: UUID, _ step: String, _ resource: Resource<Record>, _ tenant: TenantID
    ) async throws {
        let row = row(saga, step, found.id, found.version, made: false, tenant)
        let schema = SchemaName(tenant)
        try await resource.environment.writer.commit(
            tenant,
            open(saga, tenant) + [
                turn(found.id),
                """
                select shared.require_rows((
                    select count(*) from \(schema).\(ident: resource.table.name)
                    where id = \(found.id) and deleted_at is null), 1)
                """, "\(row) on conflict do nothing",
            ])
    }

    // MARK: - Objects of several sagas

    /// Of a saga that takes an object and one that archives it, the later knows what the earlier did.
    private static func turn(_ object: UUID) -> SQL {
        "select shared.take_turn('conversion-objects', \([object.lowercased]))"
    }

    /// Of two sagas that share objects and are taken back at once the later one sees that the earlier has ended.
    static func turns(of saga: UUID, _ tenant: TenantID) -> SQL {
        """
        select shared.take_turn('conversion-objects', array(
            select distinct object_id::text from \(schema: tenant).conversions where saga = \(saga)))
        """
    }

    /// How many sagas have an object that were not taken back.
    private static func holders(of object: SQL, _ schema: SchemaName) -> SQL {
        """
        (select count(*) from \(schema).conversions holder
        where holder.object_id = \(object) and not exists (
            select from \(schema).conversions where saga = holder.saga and step = \(end)))
        """
    }

    /// Selects step, object and version of what was made and this saga has: a conversion's own, and what another made
    /// that was taken back, newest first. What nobody has any more goes with the last of them that is taken back.
    static func made(for saga: UUID, _ tenant: TenantID) -> SQL {
        let schema = SchemaName(tenant)
        return """
            select step, object_id, version from \(schema).conversions made
            where created and object_id in (select object_id from \(schema).conversions where saga = \(saga))
                and \(holders(of: "made.object_id", schema)) = 0
            order by object_id desc
            """
    }

    static func isHeld(_ object: UUID, _ environment: ResourceEnvironment, _ tenant: TenantID) async throws -> Bool {
        let rows = try await environment.database.query(
            tenant, "select \(holders(of: "\(object)", SchemaName(tenant)))")
        return try rows.single().get(0, as: Int64.self) > 0
    }

    /// Raises when a saga has the object by now.
    static func letGo(_ object: UUID, _ tenant: TenantID) -> [SQL] {
        [
            turn(object), "select shared.require_rows(\(holders(of: "\(object)", SchemaName(tenant))), 0)",
        ]
    }

    // MARK: - Rows

    static func checkOpen(_ saga: UUID, _ environment: ResourceEnvironment, _ tenant: TenantID) async throws {
        guard try await done(saga, end, environment, tenant) != nil else { return }
        throw Problem(.ruleViolated, .init(en: "This conversion was taken back.", zh: "该转化已撤销。"))
    }

    /// What a saga that was taken back leaves in place of a step: a command that was long on its way makes nothing.
    static let end = "end"

    /// Holds the saga, and raises when it was taken back.
    static func open(_ saga: UUID, _ tenant: TenantID) -> [SQL] {
        [
            "select shared.take_turn('conversions', \([saga.lowercased]))",
            """
            select shared.require_rows((
                select count(*) from \(schema: tenant).conversions where saga = \(saga) and step = \(end)), 0)
            """,
        ]
    }

    static func row(
        _ saga: UUID, _ step: String, _ id: UUID, _ version: Int64, made: Bool, _ tenant: TenantID
    ) -> SQL {
        """
        insert into \(schema: tenant).conversions (saga, step, object_id, created, version)
        values (\(saga), \(step), \(id), \(made), \(version))
        """
    }

    /// What the step answered: `{id, version, created}`; nil when it was not taken yet.
    static func done(
        _ saga: UUID, _ step: String, _ environment: ResourceEnvironment, _ tenant: TenantID
    ) async throws -> JSON? {
        let rows = try await environment.database.query(
            tenant,
            """
            select object_id, version, created from \(schema: tenant).conversions where saga = \(saga) and step = \(step)
            """)
        guard let row = rows.first else { return nil }
        return [
            "id": try row.get(0, as: UUID.self).json, "version": .int(try row.get(1)),
            "created": try row.get(2, as: Bool.self).json,
        ]
    }
}
