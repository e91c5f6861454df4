import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// The rows of `conversions`: which object each step of a saga has, and that a saga was taken back.
extension SagaSteps {
    /// Notes what was there before.
    static func keep(
        _ id: UUID, _ version: Int64, _ saga: UUID, _ step: String, _ environment: ResourceEnvironment,
        _ tenant: TenantID
    ) async throws {
        let row = row(saga, step, id, version, made: false, tenant)
        do {
            try await environment.writer.commit(tenant, open(saga, tenant) + ["\(row) on conflict do nothing"])
        } catch let error as PostgresError where error.sqlState == WriteState.stale {
            try await checkOpen(saga, environment, tenant)
            throw error
        }
    }

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
