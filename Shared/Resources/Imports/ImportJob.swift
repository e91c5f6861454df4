import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Values

/// A file on its way into a collection, as it is stored.
struct ImportJob: Sendable {
    let id: UUID
    let collection: String
    let status: String
    let encoding: String?
    /// Field by heading; null for a column to leave out.
    let mapping: JSONObject
    let principal: JSON
    /// Rows done: the next one to do, from 0.
    let rows: Int64
    let created: Int64
    let existing: Int64
    let refused: Int64
    let ignoredColumns: [String]
    let error: JSON?
    let attempts: Int
    let createdAt: Timestamp
    let startedAt: Timestamp?
    let finishedAt: Timestamp?

    static let columns = SQL(
        raw: """
            id, collection, status, encoding, mapping, principal, rows, created, existing, refused, ignored_columns, \
            error, attempts, created_at, started_at, finished_at
            """)

    init(_ row: Row) throws {
        id = try row.get("id")
        collection = try row.get("collection")
        status = try row.get("status")
        encoding = try row.get("encoding")
        mapping = try row.get("mapping", as: JSON.self).object ?? [:]
        principal = try row.get("principal")
        rows = try row.get("rows")
        created = try row.get("created")
        existing = try row.get("existing")
        refused = try row.get("refused")
        ignoredColumns = try row.get("ignored_columns")
        error = try row.get("error")
        attempts = try row.get("attempts")
        createdAt = try row.get("created_at")
        startedAt = try row.get("started_at")
        finishedAt = try row.get("finished_at")
    }

    /// As clients see it.
    var json: JSON {
        [
            "id": id.json, "collection": .string(collection), "status": .string(status), "rows": .int(rows),
            "created": .int(created), "existing": .int(existing), "refused": .int(refused),
            "ignoredColumns": .array(ignoredColumns.map { .string($0) }), "error": error ?? .null,
            "createdAt": createdAt.json, "startedAt": startedAt.json, "finishedAt": finishedAt.json,
        ]
    }

    static let schema = Schema(
        "ImportJob",
        [
            "type": "object",
            "required": [
                "id", "collection", "status", "rows", "created", "existing", "refused", "ignoredColumns", "error",
                "createdAt", "startedAt", "finishedAt",
            ],
            "properties": [
                "id": .uuidSchema, "collection": ["type": "string"],
                "status": ["type": "string", "enum": ["queued", "running", "done", "failed"]],
                "rows": ["type": "integer", "description": "Rows done so far."], "created": ["type": "integer"],
                "existing": ["type": "integer"], "refused": ["type": "integer"],
                "ignoredColumns": [
                    "type": "array", "items": ["type": "string"], "description": "Headings that mean no field.",
                ],
                "error": ["type": ["string", "null"], "description": "Why the whole file failed."],
                "createdAt": ["type": "string"], "startedAt": ["type": ["string", "null"]],
                "finishedAt": ["type": ["string", "null"]],
            ],
        ])
}

extension Principal {
    /// What a job keeps of who asked for it, so that its rows are written in that name and with those rights.
    var stored: JSON {
        [
            "subject": .string(subject), "kind": .string(kind.rawValue), "role": .string(role),
            "permissions": .array(permissions.map(\.name).sorted().map { .string($0) }),
            "visibility": .string(visibility.rawValue), "teams": .array(teamIDs.map(\.json)),
            "language": language.map { .string($0.rawValue) } ?? .null,
        ]
    }

    init?(stored: JSON, tenant: TenantID) {
        guard let subject = stored["subject"]?.string, let kind = stored["kind"]?.string.flatMap(Kind.init),
            let visibility = stored["visibility"]?.string.flatMap(Visibility.init)
        else { return nil }
        self.init(
            tenant: tenant, subject: subject, kind: kind, role: stored["role"]?.string ?? "",
            permissions: Set((stored["permissions"]?.array ?? []).compactMap { $0.string.map { Permission($0) } }),
            visibility: visibility,
            teamIDs: (stored["teams"]?.array ?? []).compactMap { $0.string.flatMap { UUID($0) } },
            language: stored["language"]?.string.flatMap(Language.init(rawValue:)))
    }
}
