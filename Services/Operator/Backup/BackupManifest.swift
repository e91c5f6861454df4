import Foundation
import JSON
import Postgres
import ServiceKit
import Tenancy
import Values

/// What a backup of a tenant holds: how many rows of what, in which version, with which digest.
struct BackupManifest: Sendable {
    static let format: Int64 = 1

    /// Rows of one kind, as `COPY` writes them.
    struct Part: Sendable, Hashable {
        /// The folder in the file.
        let name: String
        let columns: [String]
        var rows: Int64
        var bytes: Int64
        var sha256: String

        var list: String { columns.map(SQL.quoted).joined(separator: ", ") }
        var table: String { name.split(separator: "/").last.map(String.init) ?? "" }
    }

    struct Sequence: Sendable {
        let name: String
        let value: Int64
        let isCalled: Bool
    }

    /// What one service's database had of the tenant.
    struct Service: Sendable {
        let name: String
        /// The last migration of each set that the schema has had.
        let versions: [String: Int]
        /// In an order in which what is referred to comes first.
        var tables: [Part] = []
        var sequences: [Sequence] = []
        /// The last event of each aggregate that each consumer is done with.
        var progress: Part?
        /// Events that some consumer may not have seen.
        var events: Part?

        var parts: [Part] { tables + [progress, events].compactMap(\.self) }
    }

    let id: String
    let takenAt: Timestamp
    let tenant: TenantDescription
    /// The tenant of which the tenant itself is a copy, in the end.
    let origin: TenantID
    var services: [Service] = []

    var rows: Int64 { services.flatMap(\.tables).reduce(0) { $0 + $1.rows } }
}

// MARK: - JSON

extension BackupManifest {
    var json: JSON {
        [
            "format": .int(Self.format), "id": id.json, "takenAt": takenAt.json,
            "tenant": [
                "id": tenant.id.json, "slug": tenant.slug.json, "name": tenant.name.json,
                "timeZone": tenant.timeZone.json, "currency": tenant.currency.json, "industry": tenant.industry.json,
                "settings": tenant.settings, "origin": origin.json,
            ],
            "services": .array(services.map(\.json)),
        ]
    }

    /// - Throws: ``ServiceKit/CommandFailure`` when it is none that this program understands.
    init(_ json: JSON) throws(CommandFailure) {
        let damaged = CommandFailure("its manifest is not as this program writes them: the file is damaged")
        guard let format = json["format"]?.int else { throw damaged }
        guard format <= Self.format else {
            throw CommandFailure(
                "it has format \(format), this program knows up to \(Self.format): restore with the version that made it"
            )
        }
        let tenant = json["tenant"] ?? .null
        guard let id = json["id"]?.string, let taken = json["takenAt"]?.string.flatMap({ Timestamp($0) }),
            let tenantID = tenant["id"]?.string.flatMap({ TenantID($0) }),
            let origin = tenant["origin"]?.string.flatMap({ TenantID($0) }), let slug = tenant["slug"]?.string,
            let name = tenant["name"]?.string, let zone = tenant["timeZone"]?.string,
            let currency = tenant["currency"]?.string, let industry = tenant["industry"]?.string,
            let services = json["services"]?.array
        else { throw damaged }
        self.id = id
        takenAt = taken
        self.tenant = TenantDescription(
            id: tenantID, slug: slug, name: name, timeZone: zone, currency: currency, industry: industry,
            settings: tenant["settings"] ?? .object([:]))
        self.origin = origin
        for service in services {
            guard let service = Service(service) else { throw damaged }
            self.services.append(service)
        }
    }
}

extension BackupManifest.Service {
    var json: JSON {
        [
            "name": name.json,
            "versions": .object(JSONObject(versions.sorted { $0.key < $1.key }.map { ($0.key, $0.value.json) })),
            "tables": .array(tables.map(\.json)), "progress": progress?.json ?? .null,
            "events": events?.json ?? .null,
            "sequences": .array(
                sequences.map { ["name": $0.name.json, "value": .int($0.value), "isCalled": $0.isCalled.json] }),
        ]
    }

    init?(_ json: JSON) {
        guard let name = json["name"]?.string, let versions = json["versions"]?.object,
            let tables = json["tables"]?.array, let sequences = json["sequences"]?.array
        else { return nil }
        self.init(name: name, versions: versions.reduce(into: [:]) { $0[$1.name] = $1.value.int.map(Int.init) })
        for table in tables {
            guard let part = BackupManifest.Part(table) else { return nil }
            self.tables.append(part)
        }
        for sequence in sequences {
            guard let name = sequence["name"]?.string, let value = sequence["value"]?.int,
                let isCalled = sequence["isCalled"]?.bool
            else { return nil }
            self.sequences.append(.init(name: name, value: value, isCalled: isCalled))
        }
        progress = json["progress"].flatMap(BackupManifest.Part.init)
        events = json["events"].flatMap(BackupManifest.Part.init)
    }
}

extension BackupManifest.Part {
    var json: JSON {
        [
            "name": name.json, "columns": columns.json, "rows": .int(rows), "bytes": .int(bytes),
            "sha256": sha256.json,
        ]
    }

    init?(_ json: JSON) {
        guard let name = json["name"]?.string, let columns = json["columns"]?.array, let rows = json["rows"]?.int,
            let bytes = json["bytes"]?.int, let sha256 = json["sha256"]?.string
        else { return nil }
        self.init(name: name, columns: columns.compactMap(\.string), rows: rows, bytes: bytes, sha256: sha256)
    }
}
