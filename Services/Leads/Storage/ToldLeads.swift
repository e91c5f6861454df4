import Entities
import Foundation
import Postgres
import Resources
import Tenancy
import Values

/// Leads that other systems told of before under numbers that are not the leads' own: as another touch of one that has a
/// number already, or of one that was deleted since.
struct ToldLeads: Sendable {
    private var touched: [ExternalKey: Lead] = [:]
    private var deleted: [Lead] = []

    /// What to ask for, given the numbers of a batch.
    static func looks(_ numbers: [String], _ table: Table<Lead>, _ schema: SchemaName) -> [SQL] {
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

    /// - Parameter results: of ``looks(_:_:_:)``; none when nothing was asked.
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

    /// The one that was told by the same number.
    func same(_ lead: Lead) -> Lead? {
        lead.externalKey.flatMap { touched[$0] } ?? deleted.first(knownAs: lead)
    }

    /// Notes what a batch has linked, for the rows behind it.
    mutating func keep(_ lead: Lead, toldAs told: Lead) {
        if let key = told.externalKey { touched[key] = lead }
    }
}
