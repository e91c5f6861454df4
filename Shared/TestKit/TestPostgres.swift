import Foundation
import Postgres
import Runtime
import Synchronization
import Tenancy

/// A real PostgreSQL 15 for tests: one private server per test process, which dies with it, and a fresh database for
/// each test.
///
/// `GUANXI_TEST_POSTGRES` names another server to use instead (the address of a superuser). The private one has `fsync`
/// off: what it has committed survives its own crash, not the machine's.
public final class TestPostgres: Sendable {
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// As superuser, on the database `postgres`.
    public let superuser: PostgresConfiguration
    /// The private server's folder, or `nil` for a foreign one.
    private let folder: String?
    private let number = Mutex(0)

    private static let starting = Mutex<Task<TestPostgres, any Error>?>(nil)

    /// The server of this process, started by the first who asks.
    public static func shared() async throws -> TestPostgres {
        let task = starting.withLock { starting in
            let task = starting ?? Task { try await start() }
            starting = task
            return task
        }
        return try await task.value
    }

    /// Another server of this process, for tests whose databases have fixed names (whole services).
    public static func separate(_ name: String) async throws -> TestPostgres { try await launched("-\(name)") }

    private init(superuser: PostgresConfiguration, folder: String?) {
        var superuser = superuser
        // All suites run at once on one machine: a connection may be long in coming.
        superuser.acquireTimeout = .seconds(60)
        superuser.connectTimeout = .seconds(60)
        self.superuser = superuser
        self.folder = folder
    }

    // MARK: Databases

    /// Gives `body` a fresh database, entered as superuser, and drops it afterwards.
    public static func withDatabase<Value: Sendable>(
        loops: Int = 1, configure: @Sendable (inout PostgresConfiguration) -> Void = { _ in },
        _ body: @escaping @Sendable (PostgresDatabase) async throws -> Value
    ) async throws -> Value {
        try await shared().withDatabase(loops: loops, configure: configure, body)
    }

    private func withDatabase<Value: Sendable>(
        loops: Int, configure: @Sendable (inout PostgresConfiguration) -> Void,
        _ body: @escaping @Sendable (PostgresDatabase) async throws -> Value
    ) async throws -> Value {
        let name = freshName()
        try await administer(SQL(raw: "create database \(name) \(Bootstrap.form)"))
        var configuration = superuser.with(database: name)
        configure(&configuration)
        let group = EventLoopGroup(count: loops, name: "test")
        let database = PostgresDatabase(group: group, configuration: configuration)
        let outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(database))
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        await group.shutdown()
        try await administer(SQL(raw: "drop database if exists \(name) with (force)"))
        return try outcome.get()
    }

    /// A name that no other test or process uses on this server.
    public func freshName() -> String {
        let number = number.withLock { number in
            number += 1
            return number
        }
        return "test_\(ProcessInfo.processInfo.processIdentifier)_\(number)"
    }

    /// Runs one statement as superuser on the database `postgres`.
    @discardableResult
    public func administer(_ sql: SQL) async throws -> Rows {
        let group = EventLoopGroup(count: 1, name: "administration")
        let database = PostgresDatabase(group: group, configuration: superuser)
        let outcome: Result<Rows, any Error>
        do {
            outcome = .success(try await database.withConnection { try await $0.query(sql.unprepared()) })
        } catch {
            outcome = .failure(error)
        }
        await database.close()
        await group.shutdown()
        return try outcome.get()
    }

    // MARK: The server

    private static func start() async throws -> TestPostgres {
        if let url = ProcessInfo.processInfo.environment["GUANXI_TEST_POSTGRES"] {
            return TestPostgres(superuser: try PostgresConfiguration(url: url), folder: nil)
        }
        return try await launched("")
    }

    private static func launched(_ suffix: String) async throws -> TestPostgres {
        let folder = "/tmp/gx-pg-\(ProcessInfo.processInfo.processIdentifier)\(suffix)"
        try await launch(folder)
        return TestPostgres(
            superuser: PostgresConfiguration(host: folder, database: "postgres", login: "postgres"), folder: folder)
    }

    /// Starts a shell that starts the server and stops it when this process ends, however it ends: then the shell's
    /// input does.
    private static func launch(_ folder: String) async throws {
        let script = """
            export PATH=/usr/lib/postgresql/15/bin:$PATH
            exec 2>"$1.log"
            rm -rf "$1" && mkdir -m 700 "$1" && cd "$1" &&
            initdb -D data -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >/dev/null &&
            echo "listen_addresses = ''
            unix_socket_directories = '$1'
            fsync = off
            full_page_writes = off
            max_connections = 200
            shared_buffers = 128MB
            jit = off" >>data/postgresql.conf &&
            pg_ctl -D data -l log -w start >/dev/null && echo ready || { tail -n 3 "$1.log" log; exit 1; }
            cat >/dev/null
            pg_ctl -D data -m immediate -w stop >/dev/null
            rm -rf "$1" "$1.log"
            """
        let process = Process()
        let arguments = ["sh", "-c", script, "sh", folder]
        process.executableURL = URL(filePath: geteuid() == 0 ? "/usr/sbin/runuser" : "/usr/bin/env")
        process.arguments = geteuid() == 0 ? ["-u", "postgres", "--"] + arguments : arguments
        process.currentDirectoryURL = URL(filePath: "/tmp")
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        lifelines.withLock { $0.append(input) }
        let said = try await Blocking.run { String(decoding: output.fileHandleForReading.availableData, as: UTF8.self) }
        guard said.hasPrefix("ready") else {
            throw Failure(description: "PostgreSQL 15 did not start (`make setup` installs it): \(said)")
        }
    }

    /// The pipes whose end is the servers' end.
    private static let lifelines = Mutex<[Pipe]>([])

    /// Runs `body` while the private server's processes are stopped: connections to it are taken, and nobody answers.
    public func whileFrozen<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        guard let folder else { throw Failure(description: "A foreign server is not stopped.") }
        func signal(_ name: String) async throws {
            let script = "pid=$(head -n 1 '\(folder)/data/postmaster.pid'); kill -\(name) $pid $(pgrep -P $pid)"
            let status = try await Blocking.run {
                let process = Process()
                process.executableURL = URL(filePath: "/bin/sh")
                process.arguments = ["-c", script]
                try process.run()
                process.waitUntilExit()
                return process.terminationStatus
            }
            guard status == 0 else { throw Failure(description: "The server took no SIG\(name).") }
        }
        try await signal("STOP")
        let outcome: Result<Value, any Error>
        do { outcome = .success(try await body()) } catch { outcome = .failure(error) }
        try await signal("CONT")
        return try outcome.get()
    }

    /// Stops the private server (`immediate`: as a crash would) and starts it again on the same data.
    public func restart() async throws {
        guard let folder else { throw Failure(description: "A foreign server is not restarted.") }
        let status = try await Blocking.run {
            let process = Process()
            let command = ["/usr/lib/postgresql/15/bin/pg_ctl", "-D", "\(folder)/data", "-l", "\(folder)/log"]
            let arguments = command + ["-m", "immediate", "-w", "restart"]
            process.executableURL = URL(filePath: geteuid() == 0 ? "/usr/sbin/runuser" : "/usr/bin/env")
            process.arguments = geteuid() == 0 ? ["-u", "postgres", "--"] + arguments : arguments
            process.currentDirectoryURL = URL(filePath: "/tmp")
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            return process.terminationStatus
        }
        guard status == 0 else { throw Failure(description: "PostgreSQL did not restart: see \(folder)/log") }
    }
}
