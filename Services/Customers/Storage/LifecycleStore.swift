import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// The tenant's thresholds, and the steps of each account's lifecycle.
struct LifecycleStore: Sendable {
    let environment: ResourceEnvironment

    var policies: Resource<LifecyclePolicy> {
        Resource("lifecycle-policy", table: "lifecycle_policy", environment: environment)
    }

    // MARK: - Thresholds

    static func select(_ schema: SchemaName) -> SQL { Table<LifecyclePolicy>("lifecycle_policy").select(schema) }

    /// nil until the tenant sets its own.
    static func read(_ rows: Rows) throws -> LifecyclePolicy? {
        try rows.first.map { try Table<LifecyclePolicy>("lifecycle_policy").record($0) }
    }

    func policy(of tenant: TenantID) async throws -> LifecyclePolicy? {
        try Self.read(try await environment.database.query(tenant, Self.select(SchemaName(tenant))))
    }

    /// Sets the thresholds. The clock looks at every account with orders again, as they may mean another state.
    func put(_ body: JSON, _ context: WriteContext) async throws -> HTTPResponse {
        let tenant = try await environment.database.directory.active(context.tenant)
        let currency = try Currency(code: tenant.currency)
        let entity = LifecyclePolicy.catalogue
        let changes = try entity.validate(create: body)
        return try await environment.writer.write(context) {
            let old = try await policy(of: tenant.id)
            if let condition = context.ifMatch, !condition.admits(old?.version ?? 0) {
                throw Problem(.versionMismatch, extras: ["current": old.map { entity.encode($0) } ?? .null])
            }
            var blank = LifecyclePolicy(id: old?.id ?? UUIDv7.make(at: context.now), at: context.now)
            (blank.version, blank.createdAt) = (old?.version ?? 1, old?.createdAt ?? context.now)
            blank.updatedAt = old?.updatedAt ?? context.now
            let new = entity.apply(changes, to: blank).record
            try new.validate(currency: currency)
            var write: PreparedWrite
            if let old {
                write = policies.prepare(Modification(from: old, to: new), context)
            } else {
                write = try policies.prepare(.create(new), context)
            }
            write.response.status = .ok
            write.response.headers.remove("Location")
            return write
        }
    }

    // MARK: - History

    /// The step that an account's new version takes, beside its event.
    static func insert(_ change: LifecycleChange, version: Int64, at time: Timestamp, _ schema: SchemaName) -> SQL {
        """
        insert into \(schema).lifecycle_changes
            (account_id, version, at, from_state, to_state, reason, reason_number, orders, as_of, next_check)
        values (\(change.accountID), \(version), \(time), \(change.from.rawValue), \(change.to.rawValue),
            \(change.reason.code), \(change.reason.number), \(Int64(change.orders)), \(change.asOf),
            \(change.nextCheck))
        """
    }

    /// The steps of an account, the newest first.
    ///
    /// - Parameter before: the version behind which a page begins.
    func steps(of account: UUID, before: Int64?, limit: Int, _ tenant: TenantID) async throws -> [LifecycleStep] {
        let rows = try await environment.database.query(
            tenant,
            """
            select version, at, from_state, to_state, reason, reason_number, orders, as_of
            from \(schema: tenant).lifecycle_changes
            where account_id = \(account) and version < \(before ?? .max) order by version desc limit \(limit)
            """)
        return try rows.map { row in
            LifecycleStep(
                version: try row.get(0), at: try row.get(1), from: try row.get(2), to: try row.get(3),
                reasonCode: try row.get(4), reasonNumber: try row.get(5), orders: try row.get(6),
                asOf: try row.get(7))
        }
    }
}

/// A stored step of a lifecycle.
struct LifecycleStep: Sendable {
    let version: Int64
    let at: Timestamp
    let from: String
    let to: String
    let reasonCode: String
    let reasonNumber: Int64?
    let orders: Int64
    let asOf: CalendarDate

    /// - Parameter language: of the reason's sentence.
    func json(language: Language) -> JSON {
        let reason = LifecycleStanding.Reason(code: reasonCode, number: reasonNumber)
        return [
            "at": at.json, "from": from.json, "to": to.json,
            "reason": (reason?.text(language: language == .chinese ? "zh" : "en") ?? reasonCode).json,
            "reasonCode": reasonCode.json, "orders": .int(orders), "asOf": asOf.json, "accountVersion": .int(version),
        ]
    }
}
