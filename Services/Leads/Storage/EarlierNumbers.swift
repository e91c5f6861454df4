import Entities
import Foundation
import Postgres
import Resources
import Tenancy
import Values

/// The leads that other systems' numbers mean besides the leads' own: numbers of later touches, and those of leads that
/// were deleted since.
struct EarlierNumbers: Sendable {
    private var touched: [ExternalKey: Lead] = [:]
    private var deleted: [Lead] = []

    /// What to ask for, given the numbers of a batch.
    static func queries(_ numbers: [String], _ table: Table<Lead>, _ schema: SchemaName) -> [SQL] {
        [
            """
            select external_system, external_id, lead_id from \(schema).touches
            where external_id = any(\(numbers)) order by at
            """,
            """
            \(table.select(schema)) where deleted_at is null and id = any(array(
                select lead_id from \(schema).touches where external_id = any(\(numbers))))
            """, "\(table.select(schema)) where deleted_at is not null and external_id = any(\(numbers))",
        ]
    }

    /// - Parameter results: of ``queries(_:_:_:)``; none when nothing was asked.
    init(_ results: some Collection<Rows>, _ table: Table<Lead>) throws {
        guard results.count == 3 else { return }
        let rows = Array(results)
        let leads = try rows[1].map { try table.record($0) }
        let byID = Dictionary(leads.map { ($0.id, $0) }) { first, _ in first }
        for row in rows[0] {
            let key = ExternalKey(system: try row.get(0), id: try row.get(1))
            if let lead = byID[try row.get(2)] { touched[key] = lead }
        }
        deleted = try rows[2].map { try table.record($0) }
    }

    /// The lead that the number of a new one means.
    func lead(_ draft: Lead) -> Lead? {
        draft.externalKey.flatMap { touched[$0] } ?? deleted.first(knownAs: draft)
    }

    /// Notes what a batch has linked, for the rows behind it.
    mutating func note(_ draft: Lead, isTouchOf lead: Lead) {
        if let key = draft.externalKey { touched[key] = lead }
    }
}
