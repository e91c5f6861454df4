import Foundation
import Postgres
import Runtime
import Synchronization
import TestKit
import Testing
import Values

@Suite struct LeaseTests {
    /// Waits until the server runs a statement that contains `text`.
    private func untilRunning(_ text: String, _ database: PostgresDatabase) async throws {
        let sql: SQL = """
            select 1 from pg_stat_activity
            where state = 'active' and strpos(query, \(text)) > 0 and pid <> pg_backend_pid()
            """
        while try await TestPostgres.shared().administer(sql).isEmpty {}
    }

    @Test func cancellationStopsTheStatementAndFreesTheConnection() async throws {
        try await TestPostgres.withDatabase(configure: oneConnection) { database in
            let task = Task { try await database.query("select pg_sleep(60), 'to be cancelled'") }
            try await untilRunning("to be cancelled", database)
            let start = ContinuousClock.now
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            // The only connection serves the next at once, and the cancel request does not hit it.
            for _ in 0..<20 { try await database.query("select pg_sleep(0.001)") }
            #expect(start.duration(to: .now) < .seconds(10))
            let pid: Int = try await database.query("select pg_backend_pid()").single().get(0)
            #expect(pid > 0)
        }
    }

    /// A server that is stopped takes a cancel request and does nothing: whoever waited for it is let go all the same.
    @Test(.timeLimit(.minutes(1))) func aFrozenServerHoldsNobodyPastItsPatience() async throws {
        let server = try await TestPostgres.separate("frozen")
        let group = EventLoopGroup(count: 1, name: "frozen")
        let database = PostgresDatabase(group: group, configuration: server.superuser)
        try await database.query("select 1")
        try await server.whileFrozen {
            await withTaskGroup { tasks in
                // More than there are threads for blocking work; and transactions that are to be rolled back.
                for number in 0..<6 {
                    tasks.addTask {
                        _ = try? await withDeadline(.after(.milliseconds(100))) {
                            if number < 3 { return try await database.query("select 2") }
                            return try await database.withTransaction { try await $0.query("select 2") }
                        }
                    }
                }
            }
            let one = try await Blocking.run { 1 }
            #expect(one == 1)
        }
        try await database.query("select 3")
        await database.close()
        await group.shutdown()
    }

    @Test func aDeadlineCancelsAndAWaiterGivesUp() async throws {
        let narrow: Configure = {
            $0.connectionsPerLoop = 1
            $0.waitersPerLoop = 1
            $0.acquireTimeout = .seconds(1)
            $0.statementTimeout = .milliseconds(1500)
        }
        try await TestPostgres.withDatabase(configure: narrow) { database in
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.after(.milliseconds(50))) { try await database.query("select pg_sleep(60)") }
            }
            try await database.withConnection { session in
                let error = await #expect(throws: PostgresError.self) { try await database.query("select 1") }
                #expect(error?.kind == .poolExhausted)
                #expect(error?.isUnavailable == true)
                // Two at once: one waits, one is refused; both are told in the end.
                await withTaskGroup { group in
                    for _ in 0..<2 {
                        group.addTask { (try? await database.query("select 1")) == nil }
                    }
                    for await refused in group { #expect(refused) }
                }
                let slow = await #expect(throws: PostgresError.self) { try await session.query("select pg_sleep(60)") }
                #expect(slow?.sqlState == SQLState.queryCanceled)
            }
            try await database.query("select 1")
        }
    }

    @Test func aLeaseLeavesNoTransactionOpen() async throws {
        try await TestPostgres.withDatabase(configure: oneConnection) { database in
            try await database.query("create table public.t (a int)")
            let first: Int = try await database.withConnection { session in
                try await session.query("begin")
                try await session.query("insert into public.t values (1)")
                return try await session.query("select pg_backend_pid()").single().get(0)
            }
            let rows = try await database.flight(["select pg_backend_pid()", "select * from public.t"])
            #expect(try rows[0].single().get(0) == first)
            #expect(rows[1].isEmpty)
            struct Mistake: Error {}
            await #expect(throws: Mistake.self) {
                try await database.withTransaction { transaction in
                    try await transaction.query("insert into public.t values (2)")
                    throw Mistake()
                }
            }
            let left = try await database.query("select * from public.t")
            #expect(left.isEmpty)
        }
    }

    @Test func connectionsComeBackAfterTheServerKilledThem() async throws {
        try await TestPostgres.withDatabase { database in
            let task = Task { try await database.query("select pg_sleep(60), 'to be killed'") }
            try await untilRunning("to be killed", database)
            try await database.query("select 1")
            let name = database.configuration.database
            let server = try await TestPostgres.shared()
            try await server.administer(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = '\(raw: name)'")
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.isUnavailable == true)
            while try await !server.administer("select 1 from pg_stat_activity where datname = '\(raw: name)'").isEmpty
            {}
            // The dead ones are noticed before they are lent.
            for _ in 0..<8 { #expect(try await database.query("select 1").single().get(0) == 1) }
        }
    }

    @Test func aServerThatIsNotThereIsUnavailable() async throws {
        let group = EventLoopGroup(count: 1)
        let database = PostgresDatabase(
            group: group, configuration: PostgresConfiguration(host: "/nowhere", database: "x", login: "y"))
        let error = await #expect(throws: PostgresError.self) { try await database.query("select 1") }
        #expect(error?.kind == .unavailable)
        await database.close()
        await group.shutdown()
    }

    @Test func copyGoesInAndOutInPieces() async throws {
        try await TestPostgres.withDatabase(configure: oneConnection) { database in
            try await database.query("create table public.t (id bigint, name text)")
            let count = 200_000
            let chunks = AsyncStream { continuation in
                // Pieces that begin and end in the middle of rows.
                let rows = (0..<count).map { $0 % 7 == 0 ? "\($0)\t\\N\n" : "\($0)\tname \($0)\n" }
                var bytes = Array(rows.joined().utf8)[...]
                while !bytes.isEmpty {
                    continuation.yield(Array(bytes.prefix(100_001)))
                    bytes = bytes.dropFirst(100_001)
                }
                continuation.finish()
            }
            let rows = try await database.withTransaction { transaction in
                try await transaction.copyIn("copy public.t from stdin", from: chunks)
            }
            #expect(rows == count)
            let lines = Mutex(0)
            let read = try await database.withTransaction { transaction in
                try await transaction.copyOut("copy public.t to stdout") { line in
                    lines.withLock { $0 += line.count { $0 == UInt8(ascii: "\n") } }
                }
            }
            #expect(read == count)
            #expect(lines.withLock { $0 } == count)

            // A source that fails leaves nothing behind, and the connection works on.
            struct Broken: Error {}
            let broken = AsyncThrowingStream<[UInt8], any Error> { continuation in
                continuation.yield(Array("1\tx\n".utf8))
                continuation.finish(throwing: Broken())
            }
            await #expect(throws: Broken.self) {
                try await database.withTransaction { try await $0.copyIn("copy public.t from stdin", from: broken) }
            }
            await #expect(throws: PostgresError.self) {
                try await database.withTransaction { transaction in
                    try await transaction.copyIn("copy public.nothing from stdin", from: AsyncStream { $0.finish() })
                }
            }
            let total: Int = try await database.query("select count(*) from public.t").single().get(0)
            #expect(total == count)
        }
    }

    /// A server that takes what is written just before it would be waited for must not be waited for.
    @Test(.timeLimit(.minutes(1))) func copyGoesOnWhileTheSocketFillsAndEmpties() async throws {
        try await TestPostgres.withDatabase(configure: oneConnection) { database in
            try await database.query("create table public.t (id text)")
            let line = Array("\(String(repeating: "x", count: 8191))\n".utf8)
            let chunk = Array(repeating: line, count: 8).flatMap(\.self)
            let chunks = AsyncStream { continuation in
                for _ in 0..<8000 { continuation.yield(chunk) }
                continuation.finish()
            }
            let rows = try await database.withTransaction { transaction in
                try await transaction.copyIn("copy public.t from stdin where id = ''", from: chunks)
            }
            #expect(rows == 0)
        }
    }

    @Test func notificationsArrive() async throws {
        try await TestPostgres.withDatabase { database in
            let payloads = try await database.listening(to: ["news"]) { stream in
                try await database.query("select pg_notify('news', \("first")), pg_notify('other', 'x')")
                try await database.query("select pg_notify('news', \("second"))")
                var payloads: [String] = []
                for await notification in stream {
                    payloads.append(notification.payload)
                    if payloads.count == 2 { break }
                }
                return payloads
            }
            #expect(payloads == ["first", "second"])
        }
    }
}
