import Foundation
import HTTP
import JSON
import Postgres
import Tenancy
import Values

/// The tables of imports in a tenant's schema.
struct ImportStore: Sendable {
    let writer: Writer
    var database: TenantDatabase { writer.database }

    /// How long a worker that died keeps its job; each batch renews it.
    static let lease = Duration.seconds(20)
    /// An upload that takes longer is given up.
    static let uploadTime = Duration.seconds(3600)

    // MARK: - Receiving

    func begin(
        _ id: UUID, _ collection: String, encoding: String?, mapping: JSONObject, _ principal: Principal,
        tenant: TenantID
    ) async throws {
        let now = Timestamp.now().wholeMilliseconds
        try await writer.commit(
            tenant,
            [
                """
                insert into \(schema: tenant).imports
                    (id, collection, status, encoding, mapping, principal, created_by, leased_until, created_at)
                values (\(id), \(collection), 'receiving', \(encoding), \(JSON.object(mapping)), \(principal.stored),
                    \(principal.subject), \(now + Self.uploadTime), \(now))
                """
            ])
    }

    func append(_ bytes: [UInt8], at position: Int, to id: UUID, tenant: TenantID) async throws {
        try await writer.commit(
            tenant,
            [
                """
                insert into \(schema: tenant).import_chunks (import_id, position, bytes)
                values (\(id), \(position)::int, \(bytes))
                """
            ])
    }

    /// Makes an upload a job.
    ///
    /// - Parameter name: its sender's; another job that has it stops this one (``isNamed(_:)``).
    func queue(_ id: UUID, name: UUID?, fingerprint: [UInt8], _ schema: SchemaName) -> SQL {
        """
        update \(schema).imports set status = 'queued', leased_until = null, name = \(name),
            fingerprint = \(fingerprint)
        where id = \(id)
        """
    }

    static func isNamed(_ error: PostgresError) -> Bool {
        error.sqlState == WriteState.uniqueViolation && error.constraint == "imports_name_key"
    }

    /// The job that has a name already.
    ///
    /// - Throws: 422 when something else was sent under it.
    func named(_ name: UUID, _ collection: String, fingerprint: [UInt8], tenant: TenantID) async throws -> ImportJob {
        let rows = try await database.query(
            tenant,
            """
            select \(ImportJob.columns) from \(schema: tenant).imports
            where name = \(name) and collection = \(collection) and fingerprint = \(fingerprint)
            """)
        guard let row = rows.first else { throw Problem(.idempotencyKeyReused) }
        return try ImportJob(row)
    }

    /// Forgets an upload that never became a job.
    func abandon(_ id: UUID, tenant: TenantID) async throws {
        try await writer.commit(
            tenant, ["delete from \(schema: tenant).imports where id = \(id) and status = 'receiving'"])
    }

    // MARK: - Working

    /// Takes the oldest job that waits, or whose worker is gone.
    func take(_ collections: [String], tenant: TenantID) async throws -> ImportJob? {
        let now = Timestamp.now().wholeMilliseconds
        let schema = SchemaName(tenant)
        let rows = try await writer.commit(
            tenant,
            [
                "delete from \(schema).imports where status = 'receiving' and leased_until < \(now)",
                """
                update \(schema).imports set status = 'running', leased_until = \(now + Self.lease),
                    started_at = coalesce(started_at, \(now)), attempts = attempts + 1
                where id = (
                    select id from \(schema).imports
                    where collection = any(\(collections))
                        and (status = 'queued' or status = 'running' and leased_until < \(now))
                    order by created_at limit 1 for update skip locked)
                returning \(ImportJob.columns)
                """,
            ])
        return try rows[1].first.map { try ImportJob($0) }
    }

    func chunk(_ position: Int, of id: UUID, tenant: TenantID) async throws -> [UInt8]? {
        try await database.query(
            tenant,
            """
            select bytes from \(schema: tenant).import_chunks where import_id = \(id) and position = \(position)::int
            """
        ).first.map { try $0.get(0, as: [UInt8].self) }
    }

    /// The statements that commit with rows: their results, and the count that says where to go on.
    func progress(
        _ id: UUID, from first: Int64, lines: [Int], _ results: [RowResult], language: Language, _ schema: SchemaName
    ) -> [SQL] {
        var ids: [UUID?] = []
        var statuses: [String] = []
        var errors: [String?] = []
        for result in results {
            switch result.outcome {
            case .created(let id, _), .existing(let id, _):
                ids.append(id)
                statuses.append(result.status == 201 ? "created" : "existing")
                errors.append(nil)
            case .refused(let problem):
                ids.append(nil)
                statuses.append("refused")
                errors.append(problem.json(language: language, requestID: id.lowercased).text)
            }
        }
        let counts = statuses.reduce(into: [String: Int64]()) { $0[$1, default: 0] += 1 }
        let numbers = (0..<Int64(results.count)).map { first + $0 }
        let now = Timestamp.now().wholeMilliseconds
        return [
            """
            insert into \(schema).import_rows (import_id, row, line, status, record_id, error)
            select \(id), r.number, r.line, r.status, r.record, r.error::jsonb
            from unnest(\(numbers), \(lines.map { Int64($0) }), \(statuses), \(ids), \(errors))
                as r (number, line, status, record, error)
            """,
            """
            update \(schema).imports set rows = rows + \(Int64(results.count)),
                created = created + \(counts["created"] ?? 0), existing = existing + \(counts["existing"] ?? 0),
                refused = refused + \(counts["refused"] ?? 0), attempts = 0, leased_until = \(now + Self.lease)
            where id = \(id)
            """,
        ]
    }

    func ignore(_ columns: [String], in id: UUID, tenant: TenantID) async throws {
        try await writer.commit(
            tenant, ["update \(schema: tenant).imports set ignored_columns = \(columns) where id = \(id)"])
    }

    /// Leaves the rest of a job for later.
    func putBack(_ id: UUID, tenant: TenantID) async throws {
        try await writer.commit(
            tenant,
            [
                """
                update \(schema: tenant).imports set status = 'queued', leased_until = null
                where id = \(id) and status = 'running'
                """
            ])
    }

    /// The end: the file is no longer needed, the results stay.
    func finish(_ id: UUID, error: String? = nil, tenant: TenantID) async throws {
        let status = error == nil ? "done" : "failed"
        let now = Timestamp.now().wholeMilliseconds
        try await writer.commit(
            tenant,
            [
                """
                update \(schema: tenant).imports set status = \(status), error = \(error.map { JSON.string($0) }),
                    finished_at = \(now), leased_until = null
                where id = \(id)
                """,
                "delete from \(schema: tenant).import_chunks where import_id = \(id)",
            ])
    }

    // MARK: - Looking

    /// A job of the principal's own, or any where the principal sees everything.
    func find(_ id: UUID, _ collection: String, _ principal: Principal, tenant: TenantID) async throws -> ImportJob {
        let rows = try await database.query(
            tenant,
            """
            select \(ImportJob.columns) from \(schema: tenant).imports
            where id = \(id) and collection = \(collection) and status <> 'receiving'
                and (created_by = \(principal.subject) or \(principal.visibility == .all))
            """)
        guard let row = rows.first else { throw Problem(.notFound) }
        return try ImportJob(row)
    }

    /// Results after row `after`, in order.
    func rows(
        of id: UUID, status: String?, after: Int64, limit: Int, tenant: TenantID
    ) async throws -> [(row: Int64, json: JSON)] {
        let only: SQL = status.map { " and status = \($0)" } ?? ""
        return try await database.query(
            tenant,
            """
            select row, line, status, record_id, error from \(schema: tenant).import_rows
            where import_id = \(id) and row > \(after)\(only) order by row limit \(limit)
            """
        ).map { row in
            let number: Int64 = try row.get("row")
            return (
                number,
                [
                    "row": .int(number + 1), "line": .int(try row.get("line")),
                    "status": .string(try row.get("status")), "id": try row.get("record_id", as: UUID?.self).json,
                    "error": try row.get("error", as: JSON?.self) ?? .null,
                ]
            )
        }
    }
}

extension JSON {
    fileprivate var text: String { String(decoding: serialize(), as: UTF8.self) }
}
