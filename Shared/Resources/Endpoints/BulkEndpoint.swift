import Entities
import Foundation
import HTTP
import JSON
import Values

extension Resource {
    private static var rowLimit: Int { 10_000 }

    var bulkEndpoint: Endpoint {
        let row: JSON = [
            "type": "object", "required": ["index", "status", "id", "version", "error"],
            "properties": [
                "index": ["type": "integer"], "status": ["type": "integer"], "id": ["type": ["string", "null"]],
                "version": ["type": ["integer", "null"]], "error": ["type": ["object", "null"]],
            ],
        ]
        let result: JSON = [
            "type": "object", "required": ["items", "created", "existing", "refused"],
            "properties": [
                "items": ["type": "array", "items": row], "created": ["type": "integer"],
                "existing": ["type": "integer"], "refused": ["type": "integer"],
            ],
        ]
        let body = RequestBody(
            mediaTypes: ["application/json", "application/x-ndjson"],
            schema: Schema(inline: [
                "type": "array", "maxItems": .int(Int64(Self.rowLimit)),
                // Not a type: what is no object is a bad row, not a bad request.
                "items": ["description": .string("As `POST \(path)` takes it; what is no object is refused.")],
            ]),
            limit: 64 << 20)
        return Endpoint(
            .post, "\(path)/bulk", id: "bulkCreate\(typeName)", summary: "Create many \(collection)",
            description: """
                A JSON array or NDJSON of at most 10,000 objects, each as `POST \(path)` takes it. Each has its result, in \
                order; a bad one stops no other. Rows with an externalId can be sent again, and for 24 hours a \
                request with an Idempotency-Key: they are not doubled, also where the first attempt was cut off midway.
                """,
            tags: [collection], permission: "import",
            parameters: [
                .query(
                    "name",
                    "A UUID of the sender's for these rows. Sent again under it within 24 hours, whoever sends them, they "
                        + "are made once.", schema: .uuidSchema),
                .idempotencyKey,
            ], body: body,
            responses: [ResponseSpec(200, "A result for each row.", schema: Schema("BulkResult", result))],
            errors: [.invalidParameter, .validationFailed, .bodyTooLarge, .idempotencyKeyReused, .requestInProgress],
            lane: .bulk, timeout: .seconds(300)
        ) { call in
            guard try call.caller.may(Permission("\(collection).write")) else { throw Problem(.forbidden) }
            try call.requireMediaType()
            let bytes = try await call.bytes()
            let isLines = Self.isLines(call.request.headers["Content-Type"])
            let rows = try Self.rows(bytes, isLines: isLines)
            // The same bytes are other rows when read otherwise.
            let content = bytes + [isLines ? 1 : 0]
            var context = try call.writeContext(body: content)
            if let name = try call.query.uuid("name") {
                context = context.once(IdempotencyClaim(name: name, call: call, body: content))
            }
            let (language, requestID) = (call.language, call.requestID)
            let (items, isReplayed) = try await createOnce(rows, context) { result, index in
                result.json(index, language: language, requestID: requestID)
            }
            var response = HTTPResponse.json(Self.summary(items))
            if isReplayed { response.headers.add("Idempotency-Replayed", "true") }
            return response
        }
    }

    private static func summary(_ items: [JSON]) -> JSON {
        func count(_ status: Int64) -> Int64 { Int64(items.count { $0["status"] == .int(status) }) }
        let (created, existing) = (count(201), count(200))
        return [
            "items": .array(items), "created": .int(created), "existing": .int(existing),
            "refused": .int(Int64(items.count) - created - existing),
        ]
    }

    private static func isLines(_ mediaType: String?) -> Bool {
        mediaType?.lowercased().hasPrefix("application/x-ndjson") ?? false
    }

    /// The rows of a body; a line of NDJSON that is no JSON is a bad row, not a bad request.
    private static func rows(_ bytes: [UInt8], isLines: Bool) throws -> [Result<JSON, Problem>] {
        // Before anything is made of them: a byte of text can become hundreds in memory.
        guard bytes.count(where: { $0 == UInt8(ascii: ",") }) <= valueLimit else { throw tooLarge }
        if isLines {
            let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 2 * rowLimit)
                .filter { !$0.allSatisfy { $0 == 32 || $0 == 13 } }
            guard lines.count <= rowLimit else { throw tooLarge }
            return lines.map { line in parse(Array(line)) }
        }
        guard let elements = try parse(bytes).get().array else {
            throw Problem(.malformedJSON, .init(en: "Send a JSON array, or NDJSON.", zh: "请发送 JSON 数组或 NDJSON。"))
        }
        guard elements.count <= rowLimit else { throw tooLarge }
        return elements.map { .success($0) }
    }

    /// Commas in a body, in texts too: members and elements of all its rows.
    private static var valueLimit: Int { 100 * rowLimit }

    private static var tooLarge: Problem {
        Problem(
            .bodyTooLarge,
            .init(
                en: "Send at most \(rowLimit) rows at once, of a hundred values on average.",
                zh: "单次最多 \(rowLimit) 行，平均每行不超过一百个值。"))
    }

    private static func parse(_ bytes: [UInt8]) -> Result<JSON, Problem> {
        do {
            return .success(try JSON.parse(bytes))
        } catch {
            return .failure(
                Problem(.malformedJSON, .init(en: "This is not valid JSON: \(error)", zh: "不是有效的 JSON：\(error)")))
        }
    }
}
