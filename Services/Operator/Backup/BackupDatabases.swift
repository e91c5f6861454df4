import EventLog
import Foundation
import Gateway
import Postgres
import Resources
import Runtime
import ServiceKit
import Tenancy
import Values

/// The services' databases, entered as the superuser for a backup or a restore.
struct BackupDatabases: Sendable {
    struct Service: Sendable {
        let name: String
        let database: TenantDatabase
        let provisioner: TenantProvisioner

        var postgres: PostgresDatabase { database.database }

        /// On the server that has the tenant.
        func serving(_ tenant: TenantID) async throws -> Service {
            try await database.directory.refresh()
            let server = try await database.directory.find(tenant).server
            return Service(name: name, database: try database.on(server), provisioner: try provisioner.on(server))
        }
    }

    let services: [Service]

    /// - Parameters:
    ///   - others: further servers with tenants, by name.
    ///   - extra: the folder of migrations of the installation's own.
    init(
        _ superuser: PostgresConfiguration, others: [String: PostgresConfiguration] = [:], extra: URL? = nil,
        group: EventLoopGroup
    ) throws {
        services = try Migrate.services.map { name, migrations in
            func database(on server: PostgresConfiguration) -> PostgresDatabase {
                var configuration = server.with(database: Backbone.databaseName(name))
                configuration.connectionsPerLoop = 4
                // A snapshot stays open while other services' rows are written or read.
                configuration.idleInTransactionTimeout = .zero
                configuration.statementTimeout = .zero
                return PostgresDatabase(group: group, configuration: configuration)
            }
            var sets = try Backbone.migrations(with: migrations())
            if let extra { sets.append(try Migrate.extra(in: extra, of: name)) }
            // What people log in with stays with the directory.
            let isPlaced = name != GatewayService.name
            let places = TenantDatabase(
                database: database(on: superuser), others: isPlaced ? others.mapValues { database(on: $0) } : [:])
            return Service(name: name, database: places, provisioner: TenantProvisioner(places, sets: sets))
        }
    }

    /// Those whose data of a tenant may be on another server.
    var placed: [Service] { services.filter { $0.name != GatewayService.name } }

    /// All, each on the server that has the tenant.
    func serving(_ tenant: TenantID) async throws -> [Service] {
        var serving: [Service] = []
        for service in services { serving.append(try await service.serving(tenant)) }
        return serving
    }

    subscript(name: String) -> Service {
        get throws {
            guard let service = services.first(where: { $0.name == name }) else {
                throw CommandFailure(
                    "there is no service \(name) in this version: restore with the version that made it")
            }
            return service
        }
    }

    /// ``Postgres/PostgresDatabase/ifAlone(_:isShared:_:_:)`` of all who use these databases.
    ///
    /// - Parameter otherwise: says what is the matter when somebody else does it.
    func alone<Value: Sendable>(
        _ name: String, isShared: Bool = false, _ body: @escaping @Sendable () async throws -> Value,
        otherwise: () -> String
    ) async throws -> Value {
        let gateway = try self[GatewayService.name]
        guard
            let value = try await gateway.postgres.ifAlone(
                name, isShared: isShared, gateway.database.serviceRole, body)
        else { throw CommandFailure(otherwise()) }
        return value
    }

    func close() async {
        for service in services { await service.database.close() }
    }
}
