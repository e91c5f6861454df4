import Foundation
import HTTP
import JSON
import Postgres
import Security
import Values

/// A client's wish that a request has one effect however often it is sent.
///
/// The answer is stored in the transaction of the effect (`idempotency_keys` in the tenant's schema), so that there is
/// never one without the other. The scope is tenant, principal, operation, path and key.
struct IdempotencyClaim: Sendable {
    let scope: Digest
    /// Of the request's body: another body under the same key is a mistake of the client.
    let fingerprint: Digest

    init(key: String, call: Call, principal: Principal, body: [UInt8]) {
        let parts = [principal.kind.rawValue, principal.subject, call.operation, call.request.path, key]
        scope = .sha256(parts.joined(separator: "\u{0}"))
        fingerprint = .sha256(body)
    }

    /// Of what is known by a name, whoever of the tenant sends it.
    init(name: UUID, call: Call, body: [UInt8]) {
        scope = .sha256(["name", call.operation, call.request.path, name.lowercased].joined(separator: "\u{0}"))
        fingerprint = .sha256(body)
    }

    private init(scope: Digest, fingerprint: Digest) { (self.scope, self.fingerprint) = (scope, fingerprint) }

    /// Of a part of the request that is committed by itself.
    func part(_ number: Int) -> IdempotencyClaim {
        IdempotencyClaim(
            scope: .sha256(scope.bytes + Array("\u{0}\(number)".utf8)), fingerprint: fingerprint)
    }

    /// How long a key is good for.
    static let lifetime = Duration.seconds(24 * 3600)
    /// How long it is kept: longer than that by more than any request takes, so that none loses sight of a part of itself.
    static let keeping = lifetime + .seconds(900)

    /// Raises `GX409` when the same request is running now; held to the end of the transaction.
    var claim: SQL {
        let number = scope.bytes.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        return "select shared.claim_key(\(number))"
    }

    func stored(in schema: SchemaName) -> SQL {
        "select fingerprint, status, headers, body, created_at from \(schema).idempotency_keys where scope = \(scope.bytes)"
    }

    func store(_ response: HTTPResponse, in schema: SchemaName, at now: Timestamp) -> SQL {
        let headers = JSONObject(response.headers.fields.map { ($0.name, JSON.string($0.value)) })
        var body: [UInt8]?
        if case .bytes(let bytes) = response.body.content { body = bytes }
        return """
            insert into \(schema).idempotency_keys (scope, fingerprint, status, headers, body, created_at)
            values (\(scope.bytes), \(fingerprint.bytes), \(response.status.code), \(JSON.object(headers)), \(body), \(now))
            """
    }

    /// The first answer again.
    ///
    /// - Throws: 422 when the first request had another body.
    func replay(_ row: Row) throws -> HTTPResponse {
        guard try row.get("fingerprint", as: [UInt8].self) == fingerprint.bytes else {
            throw Problem(.idempotencyKeyReused)
        }
        var headers = HTTPHeaders()
        for (name, value) in try row.get("headers", as: JSON.self).object ?? [:] {
            headers.add(name, value.string ?? "")
        }
        headers.add("Idempotency-Replayed", "true")
        let body = try row.get("body", as: [UInt8]?.self)
        return HTTPResponse(
            HTTPStatus(rawValue: try row.get("status", as: Int.self)), headers: headers,
            body: body.map { .bytes($0) } ?? .none)
    }
}

/// The same request, by its `Idempotency-Key`, came twice.
enum SameRequest: Error {
    case isRunning
    /// It was committed since we looked.
    case isDone

    /// nil when it was not the key that was refused.
    init?(_ error: PostgresError) {
        switch error.sqlState {
        case WriteState.running: self = .isRunning
        case WriteState.uniqueViolation where error.constraint == "idempotency_keys_pkey": self = .isDone
        default: return nil
        }
    }
}
