import EventLog
import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// Makes the facts anew from the history, and shows by a hash over every row that they are what they were.
struct Rebuild: Sendable {
    let database: TenantDatabase
    /// Rests, on every instance, while the tables are made anew; nil in tests.
    let consumer: EventConsumer?

    /// What the facts of a tenant were and are.
    struct Outcome: Sendable {
        var before: JSONObject
        var after: JSONObject
        var isEqual: Bool { before == after }

        var json: JSON { ["before": .object(before), "after": .object(after), "equal": .bool(isEqual)] }
    }

    private static let options = TransactionOptions(statementTimeout: .seconds(600), lockTimeout: .seconds(30))

    func run(_ tenant: Tenant) async throws -> Outcome {
        try await database.withTransaction(tenant.id, options: Self.options) { tx in
            let schema = tx.schema
            let tables = Projection.all.map { "\(schema).\(SQL.quoted($0.table))" }.joined(separator: ", ")
            try await tx.query(SQL(raw: "lock table \(tables) in share row exclusive mode").unprepared())
            let before = try await Self.fingerprint(tx)
            try await tx.pipeline(Projection.all.flatMap { [$0.clear(in: schema), $0.refill(in: schema)] })
            return Outcome(before: before, after: try await Self.fingerprint(tx))
        }
    }

    static func fingerprint(_ tx: TenantTransaction) async throws -> JSONObject {
        let results = try await tx.pipeline(Projection.all.map { $0.fingerprint(in: tx.schema) })
        let members = try zip(Projection.all, results).map { projection, rows -> JSONObject.Member in
            let row = try rows.single()
            let rowCount: Int64 = try row.get(0)
            return (projection.table, ["rows": .int(rowCount), "hash": .string(try row.get(1))])
        }
        return JSONObject(distinct: members)
    }

    var endpoint: Endpoint {
        Endpoint(
            .post, "/internal/rebuild", id: "internalRebuild", summary: "Makes the projections anew from the history.",
            permission: "platform.operate", parameters: [.query("tenant", "Only this tenant's.")],
            responses: [ResponseSpec(200, "Hash of every projected row, before and after.")], timeout: .seconds(900)
        ) { call in
            let wanted = try call.query.string("tenant")
            let tenants = database.directory.all.filter {
                $0.status == .active && (wanted == nil || wanted == $0.id.text || wanted == $0.slug)
            }
            guard wanted == nil || !tenants.isEmpty else { throw Problem(.notFound) }
            guard let consumer else { return try await answer(tenants) }
            return try await consumer.whileAllRest { try await answer(tenants) }
        }
    }

    private func answer(_ tenants: [Tenant]) async throws -> HTTPResponse {
        var (before, after): (JSONObject, JSONObject) = ([:], [:])
        for tenant in tenants {
            let outcome = try await run(tenant)
            before[tenant.id.text] = .object(outcome.before)
            after[tenant.id.text] = .object(outcome.after)
        }
        return .json(["before": .object(before), "after": .object(after), "equal": .bool(before == after)])
    }
}
