import CSV
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Security
import Tenancy
import Values

extension Resource {
    private static var fileLimit: Int { 256 << 20 }
    private static var chunkSize: Int { 1 << 20 }

    /// Sending a file, watching it, and reading what became of its rows.
    ///
    /// - Parameter worker: has this resource's ``importer``, and runs in the same process.
    public func importEndpoints(_ worker: ImportWorker) -> [Endpoint] { [start(worker), watch, results] }

    private func start(_ worker: ImportWorker) -> Endpoint {
        let body = RequestBody.stream(
            ["text/csv"], limit: Self.fileLimit, description: "CSV; the first line names the columns.")
        return Endpoint(
            .post, "\(path)/imports", id: "import\(typeName)", summary: "Import a CSV file of \(collection)",
            description: """
                Answers when the file is stored; watch the job at Location. A column belongs to the field whose name or \
                label its heading is, unless `mapping` says otherwise. A bad row stops no other.
                """,
            tags: [collection], permission: "import",
            parameters: [
                .query("encoding", "utf-8, utf-16 or gb18030; found out when missing."),
                .query("mapping", "A JSON object: field by heading, null to leave a column out."),
                .query(
                    "name",
                    "A UUID of the sender's for the file. Sent again under it, whoever sends it, it is imported once.",
                    schema: .uuidSchema),
                .idempotencyKey,
            ], body: body,
            responses: [
                ResponseSpec(202, "The job.", schema: ImportJob.schema, headers: ["Location": "The job's address."])
            ], errors: [.invalidParameter, .bodyTooLarge, .idempotencyKeyReused, .requestInProgress],
            lane: .files, timeout: .seconds(1800)
        ) { call in
            guard try call.caller.may(Permission("\(collection).write")) else { throw Problem(.forbidden) }
            try call.requireMediaType()
            let tenant = try call.tenant
            let encoding = try Self.encoding(call)
            let mapping = try await mapping(call, tenant)
            let store = ImportStore(writer: writer)
            let (id, name) = (UUIDv7.make(), try call.query.uuid("name"))
            try await store.begin(
                id, collection, encoding: encoding, mapping: mapping, try call.caller, tenant: tenant)
            do {
                let digest = try await receive(call, id, store, tenant)
                let sent = digest + Array("\(encoding ?? "") ".utf8) + JSON.object(mapping).serialize()
                let response = try await queue(
                    id, name: name, sent: sent, try call.writeContext(body: sent), store, tenant)
                // The same file sent again: the first one's job stands.
                if response.headers["Location"] != location(of: id) {
                    try await store.abandon(id, tenant: tenant)
                }
                worker.nudge(tenant)
                return response
            } catch {
                // What cannot be deleted now goes when its time is over.
                try? await store.abandon(id, tenant: tenant)
                throw error
            }
        }
    }

    /// Makes an upload a job, and answers it, or the job that it is already.
    ///
    /// - Parameter sent: what tells it from other files and ways to read them.
    private func queue(
        _ id: UUID, name: UUID?, sent: [UInt8], _ context: WriteContext, _ store: ImportStore, _ tenant: TenantID
    ) async throws -> HTTPResponse {
        let fingerprint = Digest.sha256(sent).bytes
        let queued = store.queue(id, name: name, fingerprint: fingerprint, SchemaName(tenant))
        let job = try await database.query(
            tenant, "select \(ImportJob.columns) from \(schema: tenant).imports where id = \(id)"
        ).single()
        let answer = accepted(try ImportJob(job))
        do {
            return try await writer.write(context) { PreparedWrite([queued], response: answer) }
        } catch let error as PostgresError where ImportStore.isNamed(error) {
            guard let name else { throw error }
            return accepted(try await store.named(name, collection, fingerprint: fingerprint, tenant: tenant))
        }
    }

    private func accepted(_ job: ImportJob) -> HTTPResponse {
        var shown = job.json.object ?? [:]
        if job.status == "receiving" { shown["status"] = "queued" }
        return .json(.object(shown), status: .accepted, headers: ["Location": location(of: job.id)])
    }

    private func location(of job: UUID) -> String { "\(path)/imports/\(job.lowercased)" }

    /// Stores the body in chunks as it comes; answers its digest.
    private func receive(_ call: Call, _ id: UUID, _ store: ImportStore, _ tenant: TenantID) async throws -> [UInt8] {
        let tooLarge = Problem(
            .bodyTooLarge,
            .init(
                en: "A file may have at most \(Self.fileLimit) bytes: divide it.", zh: "文件最多 \(Self.fileLimit) 字节，请拆分。")
        )
        if let length = call.request.body.length, length > Self.fileLimit { throw tooLarge }
        var digest: [UInt8] = []
        var buffer: [UInt8] = []
        var (total, position) = (0, 0)
        func flush(_ bytes: [UInt8]) async throws {
            digest = Digest.sha256(digest + bytes).bytes
            try await store.append(bytes, at: position, to: id, tenant: tenant)
            position += 1
        }
        for try await part in call.request.body {
            total += part.count
            if total > Self.fileLimit { throw tooLarge }
            buffer += part
            while buffer.count >= Self.chunkSize {
                try await flush(Array(buffer.prefix(Self.chunkSize)))
                buffer.removeFirst(Self.chunkSize)
            }
        }
        if !buffer.isEmpty { try await flush(buffer) }
        return digest
    }

    private static func encoding(_ call: Call) throws -> String? {
        guard let name = try call.query.string("encoding") else { return nil }
        guard CSVEncoding(name: name) != nil else {
            throw Problem.parameter(
                "encoding", code: "choice",
                .init(en: "encoding is utf-8, utf-16 or gb18030.", zh: "encoding 须为 utf-8、utf-16 或 gb18030。"))
        }
        return name
    }

    private func mapping(_ call: Call, _ tenant: TenantID) async throws -> JSONObject {
        guard let text = try call.query.string("mapping") else { return [:] }
        guard let mapping = (try? JSON.parse(Array(text.utf8)))?.object else {
            throw Problem.parameter(
                "mapping", code: "format",
                .init(
                    en: "mapping is a JSON object: {\"heading\": \"field\"}.",
                    zh: "mapping 须为 JSON 对象：{\"列名\": \"字段\"}。"))
        }
        let custom = try await custom(tenant)
        for (heading, field) in mapping where !field.isNull {
            guard let name = field.string, importField(name, custom: custom) != nil else {
                throw Problem.parameter(
                    "mapping", code: "unknownField",
                    .init(
                        en: "mapping gives \"\(heading)\" a field that \(collection) do not have: name one of theirs.",
                        zh: "mapping 中 \"\(heading)\" 对应的字段不存在。"))
            }
        }
        return mapping
    }

    private var watch: Endpoint {
        Endpoint(
            .get, "\(path)/imports/{id}", id: "get\(typeName)Import", summary: "How far an import is",
            tags: [collection], permission: "import", parameters: [.path("id", "The job's id.")],
            responses: [ResponseSpec(200, "The job.", schema: ImportJob.schema)], errors: [.notFound]
        ) { call in
            let job = try await ImportStore(writer: writer).find(
                call.id(), collection, try call.caller, tenant: try call.tenant)
            return .json(job.json)
        }
    }

    private var results: Endpoint {
        let row = Schema(
            "ImportRow",
            [
                "type": "object", "required": ["row", "line", "status", "id", "error"],
                "properties": [
                    "row": ["type": "integer"], "line": ["type": "integer"], "status": ["type": "string"],
                    "id": ["type": ["string", "null"]], "error": ["type": ["object", "null"]],
                ],
            ])
        return Endpoint(
            .get, "\(path)/imports/{id}/rows", id: "list\(typeName)ImportRows", summary: "What became of each row",
            tags: [collection], permission: "import",
            parameters: [
                .path("id", "The job's id."),
                .query(
                    "status", "Only these.", schema: ["type": "string", "enum": ["created", "existing", "refused"]]),
                .query("limit", "Rows per page.", 1...500, default: 50),
                .query("cursor", "nextCursor of the page before."),
            ],
            responses: [ResponseSpec(200, "A page.", schema: row.page("ImportRowPage"))],
            errors: [.notFound, .invalidParameter]
        ) { call in
            let (tenant, store) = (try call.tenant, ImportStore(writer: writer))
            let job = try await store.find(call.id(), collection, try call.caller, tenant: tenant)
            let status = try call.query.string("status")
            if let status, !["created", "existing", "refused"].contains(status) {
                throw Problem.parameter(
                    "status", code: "choice",
                    .init(en: "status is created, existing or refused.", zh: "status 须为 created、existing 或 refused。"))
            }
            let limit = try call.query.int("limit", 1...500, default: 50)
            let binding = "\(tenant) \(job.id) \(status ?? "")"
            let after = try call.query.string("cursor").map { text throws(Problem) in
                try environment.cursors.readNumber(text, binding: binding)
            }
            var page = try await store.rows(
                of: job.id, status: status, after: after ?? -1, limit: limit + 1, tenant: tenant)
            var next = JSON.null
            if page.count > limit {
                page.removeLast()
                next = page.last.map { .string(environment.cursors.make(number: $0.row, binding: binding)) } ?? .null
            }
            return .json(["items": .array(page.map(\.json)), "nextCursor": next])
        }
    }
}
