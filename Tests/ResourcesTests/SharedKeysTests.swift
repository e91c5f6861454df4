import Foundation
import Postgres
import Resources
import TestKit
import Testing
import Values

/// Records that share a key are found by the key, however many others there are.
@Suite struct SharedKeysTests {
    /// The planner takes the few that have a key for many, and would go through all by their age to find them.
    @Test func whatSharesAKeyIsFoundByTheKey() async throws {
        try await TestPostgres.withDatabase { database in
            let tenant = TenantID.make()
            let schema = SchemaName(tenant)
            for statement in [
                "create schema \(schema)",
                """
                create table \(schema).accounts (
                    id uuid primary key, created_at timestamptz, deleted_at timestamptz, match_keys text[], body text)
                """,
                """
                insert into \(schema).accounts select gen_random_uuid(), now() + g * interval '1 s', null,
                    array['phone:' || g, 'name:' || g], repeat('x', 300) from generate_series(1, 100000) g
                """,
                "create index on \(schema).accounts (created_at desc, id desc)",
                "create index on \(schema).accounts using gin (match_keys)", "analyze \(schema).accounts",
            ] as [SQL] {
                try await database.query(statement.unprepared())
            }
            let sharing = SharedKeys("accounts", order: "created_at", limit: 20)
            for keys in [["phone:none"], ["phone:7", "name:8"], (0..<50).map { "phone:x\($0)" }] {
                let select = sharing.select(keys, isBatch: keys.count > 2, schema)
                let explained: SQL = "explain \(select)"
                let rows = try await database.query(explained.unprepared())
                let plan = try rows.map { try $0.get(0, as: String.self) }.joined(separator: "\n")
                #expect(plan.contains("match_keys") && !plan.contains("created_at_id_idx"), "\(plan)")
            }
            let found = try await database.query(sharing.select(["phone:7", "name:8"], isBatch: false, schema))
            #expect(found.count == 2)
        }
    }
}
