import Contracts
import Foundation
import JSON
import Postgres
import ServiceKit
import Tenancy
import Values

/// Writes one tenant, as it is at one moment in all services, into a file.
struct TenantBackup: Sendable {
    let databases: BackupDatabases
    let console: Console

    struct Outcome: Sendable {
        let manifest: BackupManifest
        /// How long writes to the tenant waited.
        let pause: Duration
    }

    /// - Parameter key: the tenant's slug or id.
    func run(_ key: String, to path: String) async throws -> Outcome {
        let tenant = try await find(key)
        return try await databases.alone("move \(tenant.id)", isShared: true) {
            try await run(tenant, to: path)
        } otherwise: {
            "the tenant is being moved to another server: back up when that is done"
        }
    }

    private func run(_ tenant: Tenant, to path: String) async throws -> Outcome {
        let writer = try BackupWriter(path)
        do {
            let services = try await databases.serving(tenant.id)
            return try await TenantCut(services: services, tenant: tenant.id).take { snapshots, pause in
                let manifest = try await write(tenant, snapshots, takenAt: .now().wholeMilliseconds, writer)
                try await writer.finish(manifest)
                return Outcome(manifest: manifest, pause: pause)
            }
        } catch {
            await writer.discard()
            throw error
        }
    }

    private func find(_ key: String) async throws -> Tenant {
        let directory = try databases["gateway"].database.directory
        try await directory.refresh()
        guard let tenant = directory.all.first(where: { $0.id.text == key || $0.slug == key }) else {
            throw CommandFailure("there is no tenant \"\(key)\": guanxi tenant list shows those that are")
        }
        return tenant
    }

    private func write(
        _ tenant: Tenant, _ snapshots: [TenantCut.Snapshot], takenAt: Timestamp, _ writer: BackupWriter
    ) async throws -> BackupManifest {
        do { try await DeliveryCheck(snapshots: snapshots, tenant: tenant.id).run() } catch let gap as DeliveryGap {
            throw CommandFailure(
                "\(gap): wait until guanxi status shows no lag, then back up again", code: .unavailable)
        }
        var origin = tenant.id
        for snapshot in snapshots where origin == tenant.id {
            origin = try await TenantProvisioner.origin(of: tenant.id, on: snapshot.transaction)
        }
        var manifest = BackupManifest(
            id: UUID().uuidString.lowercased(), takenAt: takenAt,
            tenant: TenantDescription(
                id: tenant.id, slug: tenant.slug, name: tenant.name, timeZone: tenant.timeZone,
                currency: tenant.currency, industry: tenant.industry, settings: tenant.settings), origin: origin)
        var progress = Progress("rows", console: console)
        for snapshot in snapshots {
            manifest.services.append(try await write(tenant, snapshot, among: snapshots, writer))
            progress.update(Int(manifest.rows))
        }
        return manifest
    }

    private func write(
        _ tenant: Tenant, _ snapshot: TenantCut.Snapshot, among snapshots: [TenantCut.Snapshot], _ writer: BackupWriter
    ) async throws -> BackupManifest.Service {
        let (name, transaction) = (snapshot.service.name, snapshot.transaction)
        let versions = try await transaction.query(
            "select schema_version from shared.tenants where id = \(tenant.id.text)")
        var service = BackupManifest.Service(
            name: name, versions: Tenant.versions(try versions.single().get(0)))
        for table in try await TenantTables.all(of: tenant.id, on: transaction) {
            await writer.begin("\(name)/tables/\(table.name)", columns: table.columns)
            try await transaction.copyOut(table.copy(in: tenant.schema)) { try await writer.add($0) }
            if let part = try await writer.end() { service.tables.append(part) }
        }
        service.sequences = try await TenantTables.sequences(of: tenant.id, on: transaction)
        await writer.begin("\(name)/progress", columns: ConsumersProgress.columns)
        try await transaction.copyOut(ConsumersProgress.copy(of: tenant.id)) { try await writer.add($0) }
        service.progress = try await writer.end()
        await writer.begin("\(name)/events", columns: UndeliveredEvents.columns)
        if let topic = Topic(rawValue: name) {
            for consumer in snapshots {
                try await ParkedEvents(snapshot: consumer, tenant: tenant.id).rows(of: topic) {
                    try await writer.add($0)
                }
            }
        }
        try await transaction.copyOut(UndeliveredEvents.copy(of: tenant.id)) { try await writer.add($0) }
        service.events = try await writer.end()
        return service
    }
}
