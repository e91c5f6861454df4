import Contracts
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// Contracts, and the ageing of what they still bring in.
struct ContractEndpoints: Sendable {
    let contracts: ContractStore

    var endpoints: [Endpoint] { contracts.resource.endpoints() + [ageing] }

    private static let buckets = ["notDue", "days1to30", "days31to60", "days61to90", "over90"]

    private var ageing: Endpoint {
        Endpoint(
            .get, "/v1/contracts/ageing", id: "getContractAgeing",
            summary: "Payments that did not come in yet, by the days they are overdue", tags: ["contracts"],
            permission: "contracts.read",
            parameters: [
                .query(
                    "asOf", "The day that is looked at; today when missing.",
                    schema: ["type": "string", "format": "date"])
            ],
            responses: [
                ResponseSpec(
                    200, "The buckets.",
                    schema: Schema("ContractAgeing", ["type": "object", "required": ["asOf", "buckets", "total"]]))
            ], errors: [.invalidParameter]
        ) { call in
            let database = contracts.opportunities.environment.database
            let tenant = try await database.directory.active(try call.tenant)
            let asOf = try call.query.date("asOf") ?? Timestamp.now().date(in: tenant.zone)
            let currency = try Currency(code: tenant.currency)
            var found: [String: (count: Int64, sum: Int64)] = [:]
            for row in try await database.query(tenant.id, contracts.ageing(try call.caller, tenant, asOf: asOf)) {
                found[try row.get(0)] = (try row.get(1), try row.get(2))
            }
            let items = Self.buckets.map { bucket -> JSON in
                let (count, sum) = found[bucket] ?? (0, 0)
                return [
                    "bucket": .string(bucket), "payments": .int(count),
                    "amount": Money(minorUnits: sum, currency: currency).json,
                ]
            }
            let total = found.values.sum(\.sum)
            return .json([
                "asOf": asOf.json, "buckets": .array(items), "total": Money(minorUnits: total, currency: currency).json,
            ])
        }
    }
}
