import EventLog
import Foundation
import Postgres
import Runtime
import ServiceKit
import Tenancy
import TestKit
import Testing
import Values

@testable import Resources

/// What a service forgets when its time has come, and not before.
@Suite struct HousekeepingTests {
    @Test func keysAndEventsAreForgottenAfterTheirTime() async throws {
        let server = try await TestPostgres.shared()
        let (name, logName) = (server.freshName(), server.freshName())
        let group = EventLoopGroup(count: 1, name: "housekeeping")
        let bootstrap = Bootstrap(superuser: server.superuser, loginPassword: nil, group: group)
        let sets = try Backbone.migrations(with: [])
        try await bootstrap.prepare(database: name, sets: sets)
        try await bootstrap.prepare(database: logName, sets: [try EventLogSchema.log()])
        func open(_ name: String) -> PostgresDatabase {
            PostgresDatabase(group: group, configuration: server.superuser.with(database: name, login: "none"))
        }
        let (database, logDatabase) = (open(name), open(logName))
        let tenants = TenantDatabase(database: database)
        let tenant = try await TenantProvisioner(tenants, sets: sets).provision(
            TenantDescription(slug: "one", name: "One"))
        try await tenants.directory.refresh()
        let log = PostgresEventLog(database: logDatabase, role: TenantDatabase(database: logDatabase).serviceRole)
        try await log.createTopics(["t"], partitions: 1)
        try await log.append([EventRecord(key: "k", body: [1])], to: "t")
        let now = Timestamp.now()
        _ = try await tenants.flight(
            tenant.id,
            [
                """
                insert into \(tenant.schema).idempotency_keys (scope, fingerprint, status, headers, created_at)
                values ('a', 'a', 200, '{}', \(now))
                """
            ])
        let work = Housekeeping(
            database: tenants, log: log, retention: EventRetention.standard, logger: Logger(service: "test"))
        func left() async throws -> [Int] {
            let keys = try await tenants.query(tenant.id, "select from \(tenant.schema).idempotency_keys").count
            return [keys, try await log.bounds(of: "t").values.reduce(0) { $0 + $1.count }]
        }
        let day = Duration.seconds(86_400)
        for (age, expected) in [(day, [1, 1]), (day * 2, [0, 1]), (day * 13.9, [0, 1]), (day * 14.1, [0, 0])] {
            try await work.round(at: now + age)
            #expect(try await left() == expected, "\(age)")
        }
        await database.close()
        await logDatabase.close()
        await group.shutdown()
        for name in [name, logName] {
            try await server.administer(SQL(raw: "drop database if exists \(name) with (force)"))
        }
    }
}
