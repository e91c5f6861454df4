import Contracts
import Foundation
import JSON
import Postgres
import Values

/// A tenant's thresholds of the lifecycle, as stored.
struct LifecyclePolicy: Sendable {
    let thresholds: LifecycleThresholds
    /// 0 until a tenant sets its own.
    let version: Int64

    static func select(_ schema: SchemaName) -> SQL {
        """
        select stable_from_order, at_risk_after_days, lost_after_days, high_value_from, version
        from \(schema).lifecycle_policy
        """
    }

    static func read(_ rows: Rows) throws -> LifecyclePolicy {
        guard let row = rows.first else { return LifecyclePolicy(thresholds: .init(), version: 0) }
        return LifecyclePolicy(
            thresholds: .init(
                stableFromOrder: try row.get(0, as: Int.self), atRiskAfterDays: try row.get(1, as: Int.self),
                lostAfterDays: try row.get(2, as: Int.self), highValueFrom: try row.get(3, as: Int64?.self)),
            version: try row.get(4))
    }

    func store(in schema: SchemaName) -> SQL {
        """
        insert into \(schema).lifecycle_policy
            (stable_from_order, at_risk_after_days, lost_after_days, high_value_from, version)
        values (\(thresholds.stableFromOrder), \(thresholds.atRiskAfterDays), \(thresholds.lostAfterDays),
            \(thresholds.highValueFrom), \(version))
        on conflict (id) do update set stable_from_order = excluded.stable_from_order,
            at_risk_after_days = excluded.at_risk_after_days, lost_after_days = excluded.lost_after_days,
            high_value_from = excluded.high_value_from, version = excluded.version
        """
    }

    /// - Parameter currency: of the tenant, of the threshold of high value.
    func json(_ currency: Currency) -> JSON {
        [
            "stableFromOrder": thresholds.stableFromOrder.json, "atRiskAfterDays": thresholds.atRiskAfterDays.json,
            "lostAfterDays": thresholds.lostAfterDays.json,
            "highValueFrom": thresholds.highValueFrom.map { Money(minorUnits: $0, currency: currency).json } ?? .null,
            "version": .int(version),
        ]
    }
}
