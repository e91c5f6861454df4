import Foundation
import Gateway
import Postgres
import Runtime
import Security
import ServiceKit
import Synchronization
import Tenancy
import Values

/// Makes a new tenant of a backup.
///
/// First every service gets the schema as it was and the rows, read back and compared by their digests, with the tenant
/// suspended; then, service by service, the events that some consumer may have missed and the tenant itself are let go,
/// the gateway last. Each step is one transaction: what is interrupted goes on when the command is run again, and what
/// cannot be filled is removed from every service.
struct TenantRestore: Sendable {
    let databases: BackupDatabases
    let file: BackupFile
    let console: Console

    struct Outcome: Sendable {
        let tenant: TenantDescription
        /// API keys that go on leading to the tenant the backup is of.
        let keysLeft: Int
    }

    /// Who is called by others lives before them: events are published when all consumers know the tenant, a conversion
    /// goes on when those that it calls do.
    private static let order = ["analytics", "customers", "opportunities", "leads", "gateway"]

    func run(as slug: String, name: String?) async throws -> Outcome {
        try await databases.alone(GatewayService.restoreTurn(slug)) {
            try await restore(as: slug, name: name)
        } otherwise: {
            "somebody else restores a tenant as \(slug) at this moment"
        }
    }

    private func restore(as slug: String, name: String?) async throws -> Outcome {
        let gateway = try databases["gateway"]
        let begun: TenantID?
        do { begun = try await GatewayService.restoring(as: slug, in: gateway.database) } catch is TenancyError {
            throw CommandFailure("there is a tenant \"\(slug)\" already: choose another --as")
        }
        let (known, isNew) = try await tenant(as: slug, begun)
        var description = file.manifest.tenant
        (description.id, description.slug) = (known, slug)
        if let name { description.name = name }
        if !isNew { console.note("an earlier restore of this file as \(slug) was interrupted: it goes on\n") }
        try await GatewayService.note(restoring: description, in: gateway.database)
        do {
            for part in file.manifest.services { try await fill(part, restored(description, part)) }
        } catch {
            await Task(executorPreference: EventLoop.current) { await remove(known) }.value
            throw error
        }
        do {
            return Outcome(tenant: description, keysLeft: try await release(description))
        } catch {
            throw CommandFailure(
                "the rows are restored, but the tenant does not live yet (\(error)): run the same command again")
        }
    }

    /// The id under which an interrupted restore began, or a new one.
    ///
    /// - Parameter begun: of the tenant that is noted as being restored under this name.
    private func tenant(as slug: String, _ begun: TenantID?) async throws -> (TenantID, isNew: Bool) {
        for service in databases.services {
            if let id = try await service.provisioner.restored(from: file.manifest.id, as: slug) { return (id, false) }
        }
        guard let begun else { return (.make(), true) }
        for service in databases.services {
            try await service.database.directory.refresh()
            guard service.database.directory.all.contains(where: { $0.id == begun }) else { continue }
            throw CommandFailure(
                "the restore of another backup as \(slug) was interrupted: go on with that file, or remove what it left by "
                    + "guanxi tenant delete \(slug)")
        }
        return (begun, false)
    }

    private func restored(_ description: TenantDescription, _ part: BackupManifest.Service) -> RestoredTenant {
        RestoredTenant(
            description, versions: part.versions, origin: file.manifest.origin, backup: file.manifest.id)
    }

    private func remove(_ tenant: TenantID) async {
        for service in databases.services {
            do { try await service.provisioner.drop(tenant) } catch {
                return console.note(
                    "what was made of it in \(service.name) could not be removed (\(error)): guanxi tenant delete "
                        + "\(tenant) removes it\n")
            }
        }
        do { try await GatewayService.forget(restoring: tenant, in: databases["gateway"].database) } catch {
            console.note("guanxi tenant delete \(tenant) removes its name (\(error))\n")
        }
    }

    // MARK: - Rows

    private func fill(_ part: BackupManifest.Service, _ restored: RestoredTenant) async throws {
        let provisioner = try databases[part.name].provisioner
        guard part.versions[Migrate.extraSet] == nil || provisioner.has(Migrate.extraSet) else {
            throw CommandFailure(
                "\(part.name) had migrations of the installation's own: give their folder, --\(Migrate.extraFolder.name)"
            )
        }
        do { try await provisioner.make(restored) } catch let error as MigrationError {
            throw CommandFailure("\(part.name): \(error)")
        }
        let id = restored.description.id
        try await provisioner.fill(restored) { transaction in
            for table in part.tables {
                let target: SQL = "\(schema: id).\(ident: table.table)"
                let empty = try await transaction.query("select not exists (select from \(target))").single()
                // What migrations put into a new schema is in the backup as it became.
                if try !empty.get(0) { try await transaction.query("delete from \(target)") }
                try await copy(table, into: target, on: transaction)
            }
            for sequence in part.sequences {
                try await transaction.query(
                    """
                    select setval(\("\(id.schema).\(SQL.quoted(sequence.name))")::text::regclass,
                        \(sequence.value), \(sequence.isCalled))
                    """)
            }
            if let progress = part.progress {
                try await copy(progress, into: "shared.inbox_sequence", of: id, on: transaction)
            }
            try await compare(part, id, transaction)
        }
    }

    private func copy(
        _ part: BackupManifest.Part, into target: SQL, of tenant: TenantID? = nil,
        on transaction: PostgresTransaction
    ) async throws {
        let prefix: SQL = tenant == nil ? "" : "tenant, "
        let statement: SQL = "copy \(target) (\(prefix)\(raw: part.list)) from stdin"
        let rows = file.rows(of: part, after: tenant.map { "\($0.text)\t" } ?? "")
        let count = try await transaction.copyIn(statement.unprepared(), from: rows)
        guard count == part.rows else {
            throw CommandFailure("\(part.name) has \(count) rows and should have \(part.rows): the file is damaged")
        }
    }

    /// What is there now has the digests of what was there.
    private func compare(
        _ part: BackupManifest.Service, _ tenant: TenantID, _ transaction: PostgresTransaction
    ) async throws {
        let tables = try await TenantTables.all(of: tenant, on: transaction)
        for expected in part.tables {
            guard let table = tables.first(where: { $0.name == expected.table }) else {
                throw CommandFailure("\(expected.name) is not in the schema of that version: the file is damaged")
            }
            let statement = TenantTables.Table(
                name: table.name, columns: expected.columns, key: table.key
            ).copy(in: SchemaName(tenant))
            try await Self.compare(expected, statement, transaction)
        }
        if let progress = part.progress {
            try await Self.compare(progress, ConsumersProgress.copy(of: tenant), transaction)
        }
    }

    private static func compare(
        _ part: BackupManifest.Part, _ statement: SQL, _ transaction: PostgresTransaction
    ) async throws {
        let digest = DigestStream()
        try await transaction.copyOut(statement) { digest.update($0) }
        guard digest.finish().hex == part.sha256 else {
            throw CommandFailure("\(part.name) is not what it was when it is read back: nothing was kept")
        }
    }

    // MARK: - Life

    private func release(_ description: TenantDescription) async throws -> Int {
        let left = Mutex(0)
        for name in Self.order {
            guard let part = file.manifest.services.first(where: { $0.name == name }) else { continue }
            let service = try databases[name]
            try await service.provisioner.release(restored(description, part)) { transaction in
                if let events = part.events {
                    try await copy(events, into: "shared.outbox", of: description.id, on: transaction)
                }
                guard name == GatewayService.name else { return }
                let count = try await GatewayService.register(restored: description, on: transaction)
                left.withLock { $0 = count }
            }
        }
        // By then every instance of every service has looked for changes of its directory: who is told that the tenant
        // is there can use it.
        try await Task.sleep(for: .seconds(1))
        return left.withLock { $0 }
    }
}
