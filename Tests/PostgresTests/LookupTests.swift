import Postgres
import Runtime
import Synchronization
import TestKit
import Testing

/// Quick reads that are sent together. All are made on one loop: those of another are sent with that loop's.
@Suite struct LookupTests {
    /// Runs `body` for each index at once, on one loop of the database.
    private func atOnce<Value: Sendable>(
        _ count: Int, _ database: PostgresDatabase, _ body: @escaping @Sendable (Int) async throws -> Value
    ) async -> [Result<Value, any Error>] {
        let loop = database.group.loops[0]
        return await withTaskExecutorPreference(loop) {
            await withTaskGroup { group in
                for index in 0..<count {
                    group.addTask {
                        do { return (index, Result<Value, any Error>.success(try await body(index))) } catch {
                            return (index, .failure(error))
                        }
                    }
                }
                var results: [Int: Result<Value, any Error>] = [:]
                for await (index, result) in group { results[index] = result }
                return (0..<count).compactMap { results[$0] }
            }
        }
    }

    @Test func readsOfOneTurnShareATransactionAndEachGetsItsOwnAnswer() async throws {
        try await TestPostgres.withDatabase { database in
            let answers = try await atOnce(40, database) { index in
                // `now()` is the transaction's beginning.
                let row = try await database.look("select \(index)::int, now()::text").single()
                return (try row.get(0, as: Int.self), try row.get(1, as: String.self))
            }.map { try $0.get() }
            #expect(answers.map(\.0) == Array(0..<40))
            #expect(Set(answers.map(\.1)).count <= 4)
            // One that comes alone does not wait for company.
            let next: Int = try await database.look("select 1::int").single().get(0)
            #expect(next == 1)
        }
    }

    @Test func theMistakeOfOneIsNotTheOthers() async throws {
        try await TestPostgres.withDatabase { database in
            let answers = await atOnce(20, database) { index in
                try await database.look("select (100 / \(index % 10)::int)::int").single().get(0, as: Int.self)
            }
            for (index, answer) in answers.enumerated() {
                switch answer {
                case .success(let value): #expect(value == 100 / (index % 10))
                case .failure(let error):
                    #expect(index % 10 == 0)
                    #expect((error as? PostgresError)?.sqlState == "22012")
                }
            }
            let next: Int = try await database.look("select 1::int").single().get(0)
            #expect(next == 1)
        }
    }

    @Test func nothingCanBeWritten() async throws {
        try await TestPostgres.withDatabase { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.look("create table public.t (a int)")
            }
            #expect(error?.sqlState == "25006")
        }
    }

    @Test func whoLeavesIsToldAtOnceAndTheRestGoOn() async throws {
        try await TestPostgres.withDatabase(configure: oneConnection) { database in
            let loop = database.group.loops[0]
            let (asked, patient) = try await withTaskExecutorPreference(loop) {
                // The only connection is lent: the reads gather.
                try await database.withConnection { _ in
                    let leaving = Task(executorPreference: loop) { try await database.look("select 1::int") }
                    let staying = Task(executorPreference: loop) {
                        try await database.look("select 2::int").single().get(0, as: Int.self)
                    }
                    await Task.yield()
                    leaving.cancel()
                    return (await leaving.result, staying)
                }
            }
            #expect(throws: CancellationError.self) { try asked.get() }
            #expect(try await patient.value == 2)
        }
    }

    @Test func aLostConnectionIsToldToAllWhoFlewWithIt() async throws {
        try await TestPostgres.withDatabase(configure: oneConnection) { database in
            let answers = await atOnce(10, database) { index in
                index == 5
                    ? try await database.look("select pg_terminate_backend(pg_backend_pid())")
                    : try await database.look("select \(index)::int")
            }
            // Those before it in the flight may have had their answer on the way; the flight as a whole is lost.
            for answer in answers { #expect(throws: PostgresError.self) { try answer.get() } }
            let next: Int = try await database.look("select 1::int").single().get(0)
            #expect(next == 1)
        }
    }
}
