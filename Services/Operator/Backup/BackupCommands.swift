import HTTP
import JSON
import Postgres
import Runtime
import ServiceKit
import Tenancy
import Values

/// `guanxi tenant backup` and `guanxi tenant restore`: like `migrate` they speak to the databases.
enum BackupCommands {
    static let backup = Command(
        "backup", summary: "Write one tenant, as it is at one moment in every service, into a file.",
        arguments: [.init("tenant", help: "The tenant's slug or id.")],
        options: [
            Migrate.databaseURL, Migrate.databaseServers,
            .init("to", value: "FILE", isRequired: true, help: "The file; it must not be there yet."),
        ],
        examples: [
            (
                command: "guanxi tenant backup nanhua --to nanhua.tar",
                meaning: "All of nanhua, while its people go on working."
            )
        ]
    ) { call in
        let (tenant, path) = (call.arguments[0], try call.required("to"))
        try await withDatabases(call) { databases in
            let outcome = try await TenantBackup(databases: databases, console: call.console).run(tenant, to: path)
            let manifest = outcome.manifest
            let pause = Int64((outcome.pause.inSeconds * 1000).rounded())
            call.answer([
                "backup": manifest.id.json, "tenant": manifest.tenant.id.json, "rows": .int(manifest.rows),
                "bytes": .int(manifest.services.flatMap(\.parts).reduce(0) { $0 + $1.bytes }),
                "pauseMilliseconds": .int(pause), "takenAt": manifest.takenAt.json, "file": path.json,
            ]) {
                """
                \(manifest.rows) rows of \(manifest.tenant.slug) as of \(manifest.takenAt): \(path)
                writes waited \(pause) ms; the file holds secrets (hashes of passwords): keep it as such

                """
            }
        }
    }

    static let restore = Command(
        "restore", summary: "Make a new tenant of a backup.",
        arguments: [.init("file", help: "What guanxi tenant backup wrote.")],
        options: [
            Migrate.databaseURL, Migrate.extraFolder,
            .init("as", value: "slug", isRequired: true, help: "The new tenant's slug."),
            .init("name", value: "name", help: "What people call it; as in the backup when missing."),
        ],
        examples: [
            (
                command: "guanxi tenant restore nanhua.tar --as nanhua-copy",
                meaning: "A second tenant with everything that nanhua had."
            ),
            (
                command: "guanxi tenant restore nanhua.tar --as nanhua",
                meaning: "After guanxi tenant delete nanhua; its API keys work again."
            ),
        ]
    ) { call in
        let (path, slug) = (call.arguments[0], try call.required("as"))
        guard TenantDescription.isSlug(slug) else {
            throw CommandFailure.usage("--as is \"\(slug)\": expected 2 to 40 small letters, digits and hyphens")
        }
        try await withDatabases(call) { databases in
            let restore = TenantRestore(
                databases: databases, file: try await BackupFile.open(path), console: call.console)
            let outcome = try await restore.run(as: slug, name: call["name"])
            let manifest = restore.file.manifest
            call.answer([
                "tenant": outcome.tenant.id.json, "slug": slug.json, "rows": .int(manifest.rows),
                "backup": manifest.id.json, "keysLeft": outcome.keysLeft.json,
            ]) {
                "\(manifest.rows) rows of \(manifest.tenant.slug) as of \(manifest.takenAt) are the tenant \(slug), "
                    + "\(outcome.tenant.id)\n"
                    + (outcome.keysLeft == 0
                        ? ""
                        : "\(outcome.keysLeft) API keys stay with the tenant they lead to: make new ones for this one\n")
            }
        }
    }

    /// Does something in the services' databases as the superuser.
    static func withDatabases(
        _ call: Invocation, _ body: @escaping @Sendable (BackupDatabases) async throws -> Void
    ) async throws {
        let superuser = try Migrate.superuser(try call.required("database-url"))
        let others = try Migrate.servers(call["database-servers"] ?? "")
        let extra = try call["extra"].map(Migrate.folder)
        do {
            try await call.onLoop { group in
                let databases = try BackupDatabases(superuser, others: others, extra: extra, group: group)
                let outcome: Result<Void, any Error>
                do { outcome = .success(try await body(databases)) } catch { outcome = .failure(error) }
                await databases.close()
                try outcome.get()
            }
        } catch let error as PostgresError where error.isUnavailable {
            throw CommandFailure("\(error). Check --database-url and that the server runs", code: .unavailable)
        } catch let error as PostgresError {
            throw CommandFailure("\(error)")
        } catch let error as TenancyError {
            throw CommandFailure("\(error)")
        }
    }
}
