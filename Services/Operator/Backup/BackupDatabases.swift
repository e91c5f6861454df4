import Gateway
import Postgres
import Resources
import Runtime
import ServiceKit
import Tenancy

/// The services' databases, entered as the superuser for a backup or a restore.
struct BackupDatabases: Sendable {
    struct Service: Sendable {
        let name: String
        let database: TenantDatabase
        let provisioner: TenantProvisioner

        var postgres: PostgresDatabase { database.database }
    }

    let services: [Service]

    init(_ superuser: PostgresConfiguration, group: EventLoopGroup) throws {
        services = try Migrate.services.map { name, migrations in
            var configuration = superuser.with(database: Backbone.databaseName(name))
            configuration.connectionsPerLoop = 4
            // A snapshot stays open while other services' rows are written or read.
            configuration.idleInTransactionTimeout = .zero
            configuration.statementTimeout = .zero
            let database = TenantDatabase(database: PostgresDatabase(group: group, configuration: configuration))
            return Service(
                name: name, database: database,
                provisioner: TenantProvisioner(database, sets: try Backbone.migrations(with: migrations())))
        }
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

    func close() async {
        for service in services { await service.postgres.close() }
    }
}
