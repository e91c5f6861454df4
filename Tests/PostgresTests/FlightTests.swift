import Foundation
import JSON
import Postgres
import Runtime
import TestKit
import Testing
import Values

typealias Configure = @Sendable (inout PostgresConfiguration) -> Void

/// So that every statement meets what the one before left on the connection.
let oneConnection: Configure = { $0.connectionsPerLoop = 1 }

@Suite struct FlightTests {
    @Test func valuesGoAndComeBack() async throws {
        try await TestPostgres.withDatabase { database in
            let id = UUIDv7.make()
            let time = Timestamp(microseconds: 1_767_225_600_123_456)
            let day = try #require(CalendarDate("1999-12-31"))
            let json = try JSON.parse(Array(#"{"a":[1,2.5,"名"],"b":null}"#.utf8))
            let sql: SQL = """
                select \(id) as id, \(time) as time, \(day) as day, \(json) as json, \(Int64.min) as wide,
                    \(1.5) as number, \(true) as flag, \("名 ' \\ $1") as text, \([UInt8](0...255)) as bytes,
                    \([id, id]) as ids, \(["a", nil, ""] as [String?]) as texts, \([] as [Int]) as none,
                    \(nil as String?) as nothing, 7::int as small, 123.4500::numeric as decimal,
                    (select sum(n) from generate_series(1, 100000) as n) as sum
                """
            let row = try await database.query(sql).single()
            #expect(try row["id"] == id)
            #expect(try row["time"] == time)
            #expect(try row["day"] == day)
            #expect(try row["json"] == json)
            #expect(try row["wide"] == Int64.min)
            #expect(try row["number"] == 1.5)
            #expect(try row["flag"] == true)
            #expect(try row["text"] == "名 ' \\ $1")
            #expect(try row["bytes"] == [UInt8](0...255))
            #expect(try row["ids"] == [id, id])
            #expect(try row["texts"] == ["a", nil, ""] as [String?])
            #expect(try row["none"] == [] as [Int])
            #expect(try row["nothing"] == nil as String?)
            #expect(try row["small"] == 7)
            #expect(try row["decimal"] == "123.4500")
            #expect(try row["decimal"] == 123.45)
            #expect(try row["sum"] == 5_000_050_000)
            #expect(throws: PostgresDecodingError.self) { try row.get("nothing", as: String.self) }
            #expect(throws: PostgresDecodingError.self) { try row.get("id", as: Int.self) }
            #expect(throws: PostgresDecodingError.self) { try row.get("absent", as: Int.self) }
            #expect(throws: PostgresDecodingError.self) { try row.get("wide", as: Int32.self) }
        }
    }

    @Test func statementsComposeWithNewNumbers() {
        let conditions: [SQL] = ["a = \(1)", "b = \("x") or c = \("$1")", "d"]
        let sql: SQL = "select \(0) from t where \(conditions.joined(separator: " and ")) limit \(9)"
        #expect(sql.text == "select $1 from t where a = $2 and b = $3 or c = $4 and d limit $5")
        #expect(SQL.quoted("a\"b") == "\"a\"\"b\"")
        #expect(SQL.literal("a'b\\") == "E'a''b\\\\'")
    }

    @Test func aFailedFlightLeavesNothingBehind() async throws {
        try await TestPostgres.withDatabase(configure: oneConnection) { database in
            try await database.query("create table public.t (id bigint primary key)")
            // The commit is skipped after the error, so without a rollback the next flight would meet a failed
            // transaction on the only connection.
            for _ in 0..<3 {
                let error = await #expect(throws: PostgresError.self) {
                    try await database.flight([
                        "insert into public.t values (\(1))", "insert into public.t values (\(1))",
                        "insert into public.t values (\(2))",
                    ])
                }
                #expect(error?.sqlState == SQLState.uniqueViolation)
                #expect(error?.constraint == "t_pkey")
                #expect(error?.description.contains("(1)") == false)
                #expect(error?.debugDescription.contains("(1)") == true)
            }
            let results = try await database.flight([
                "select count(*) from public.t", "insert into public.t values (7)",
            ])
            #expect(try results[0].single().get(0) == 0)
            #expect(results[1].affected == 1)
            #expect(try await database.query("select id from public.t").map { try $0.get(0, as: Int.self) } == [7])
        }
    }

    @Test func aSwallowedErrorCannotBeCommitted() async throws {
        try await TestPostgres.withDatabase { database in
            try await database.query("create table public.t (id bigint primary key)")
            await #expect(throws: PostgresError.self) {
                try await database.withTransaction { transaction in
                    try await transaction.query("insert into public.t values (1)")
                    _ = try? await transaction.query("insert into public.t values (1)")
                }
            }
            #expect(try await database.query("select from public.t").count == 0)
        }
    }

    @Test func aRowTooManyParametersAndNULAreErrors() async throws {
        try await TestPostgres.withDatabase { database in
            let error = await #expect(throws: PostgresError.self) { try await database.query("select \("a\0b")") }
            #expect(error?.sqlState == SQLState.badUTF8)
            let many = Array(repeating: "\(1)" as SQL, count: 65536).joined(separator: ",")
            let tooMany = await #expect(throws: PostgresError.self) { try await database.query("select \(many)") }
            #expect(tooMany?.kind == .usage)
            let two = await #expect(throws: PostgresError.self) { try await database.query("select 1; select 2") }
            #expect(two?.sqlState == "42601")
            let copy = await #expect(throws: PostgresError.self) { try await database.query("copy pg_class to stdout") }
            #expect(copy != nil)
            let one: Int = try await database.query("select 1").single().get(0)
            #expect(one == 1)
        }
    }

    @Test func transactionsThatMeetRunAgain() async throws {
        try await TestPostgres.withDatabase(loops: 2) { database in
            try await database.query("create table public.t as select 0::bigint as n")
            try await withThrowingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask {
                        try await database.withTransaction(options: .init(isolation: .serializable)) { transaction in
                            let n: Int = try await transaction.query("select n from public.t").single().get(0)
                            try await transaction.query("update public.t set n = \(n + 1)")
                        }
                    }
                }
                // A transaction may meet more than its attempts allow; what counts is that none was lost.
                var failed = 0
                while let result = await group.nextResult() {
                    if case .failure(let error as PostgresError) = result, error.isTransient { failed += 1 }
                }
                let n: Int = try await database.query("select n from public.t").single().get(0)
                #expect(n == 8 - failed)
                #expect(failed < 8)
            }
        }
    }

    @Test func preparedStatementsAreBoundedAndSurviveMigrations() async throws {
        let narrow: Configure = {
            $0.connectionsPerLoop = 1
            $0.preparedStatements = 8
        }
        try await TestPostgres.withDatabase(configure: narrow) { database in
            for number in 0..<40 { try await database.query(SQL(raw: "select \(number)")) }
            let prepared = try await database.query("select count(*) from pg_prepared_statements").single()
            #expect(try prepared.get(0, as: Int.self) <= 9)
            // A transaction may choose its isolation although statements are given up before it.
            for number in 0..<40 {
                _ = try await database.flight([SQL(raw: "select \(number) + 1")], options: .snapshot)
            }
            try await database.query("create table public.t as select 1 as a")
            let select: SQL = "select * from public.t"
            #expect(try await database.query(select).columns == ["a"])
            try await database.query("alter table public.t add b int")
            #expect(try await database.query(select).columns == ["a", "b"])
        }
    }
}
