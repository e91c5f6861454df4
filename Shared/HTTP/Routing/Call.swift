import Foundation
import JSON
import Runtime
import Values

/// One request on its way to an endpoint's handler: what was asked, by whom, until when.
public struct Call: Sendable {
    /// Middleware may replace its body, by the same body read already.
    public var request: HTTPRequest
    /// The `operationId` of the endpoint, or the id of the mount.
    public let operation: String
    public let permission: Permission
    /// That of the endpoint; of a mount's request as its address tells.
    public let lane: Lane
    public let path: PathParameters
    public let query: Query
    /// What the endpoint takes as body; nil when it takes none or is a mount.
    public let body: RequestBody?
    public let deadline: Deadline
    /// The proven caller. Set by the middleware that checks tokens, by nobody else.
    public var principal: Principal?

    public var requestID: String { request.id }

    /// `Accept-Language` first, then the caller's own setting.
    public var language: Language {
        if let header = request.headers["Accept-Language"] { return Language(acceptLanguage: header) }
        return principal?.language ?? .english
    }

    /// The caller of an endpoint that is not open to everyone.
    /// - Throws: a 401 problem when there is none.
    public var caller: Principal {
        get throws(Problem) {
            guard let principal else { throw Problem(.unauthenticated) }
            return principal
        }
    }

    /// The tenant for which the caller acts.
    /// - Throws: a 401 problem without a caller, 403 for a caller that belongs to no tenant.
    public var tenant: TenantID {
        get throws(Problem) {
            guard let tenant = try caller.tenant else {
                throw Problem(
                    .forbidden,
                    .init(en: "Only a tenant's user or API key can do this.", zh: "仅租户的用户或 API 密钥可执行此操作。"))
            }
            return tenant
        }
    }

    /// The path parameter `name` as an id.
    public func id(_ name: String = "id") throws(Problem) -> UUID { try path.uuid(name) }
}

// MARK: - Body

extension Call {
    /// The body as JSON of the endpoint's declared media type, size and shape.
    ///
    /// An empty body of an endpoint that does not require one is the empty object.
    /// - Throws: problems 415, 413, 400 (with line and column).
    public func json() async throws -> JSON {
        guard let body else { preconditionFailure("The endpoint \(operation) declares no request body.") }
        if !body.required, request.body.length == 0 { return .object([:]) }
        try requireMediaType()
        let bytes = try await bytes()
        if bytes.isEmpty, !body.required { return .object([:]) }
        let value: JSON
        do {
            value = try JSON.parse(bytes)
        } catch {
            throw Problem(
                .malformedJSON, .init(en: "The body is not valid JSON: \(error)", zh: "请求体不是有效的 JSON：\(error)"))
        }
        try check(value, body.shape)
        return value
    }

    /// The body's bytes, at most the endpoint's limit.
    /// - Throws: problems 413, 400.
    public func bytes() async throws -> [UInt8] {
        let limit = body?.limit ?? 0
        do {
            return try await request.body.collect(upTo: limit)
        } catch HTTPBodyError.tooLarge {
            throw Problem(
                .bodyTooLarge,
                .init(en: "The body may have at most \(limit) bytes.", zh: "请求体最多 \(limit) 字节。"))
        }
    }

    /// Refuses a body whose `Content-Type` the endpoint does not take. `json()` does so by itself.
    public func requireMediaType() throws(Problem) {
        guard let body else { return }
        let sent = request.headers["Content-Type"] ?? ""
        let type = sent.prefix { $0 != ";" }.trimmingSpaces.lowercased()
        guard !body.mediaTypes.contains(type) else { return }
        let accepted = body.mediaTypes.joined(separator: ", ")
        throw Problem(
            .unsupportedMediaType,
            .init(
                en: "Send the body as \(accepted)\(sent.isEmpty ? "" : ", not as \(sent.prefix(80))").",
                zh: "请以 \(accepted) 格式发送请求体。"),
            headers: [("Accept", accepted)])
    }

    private func check(_ value: JSON, _ shape: RequestBody.Shape) throws(Problem) {
        switch (shape, value) {
        case (.any, _), (.object, .object), (.array, .array): return
        case (.object, _):
            throw Problem(.malformedJSON, .init(en: "The body must be a JSON object.", zh: "请求体必须是 JSON 对象。"))
        case (.array, _):
            throw Problem(.malformedJSON, .init(en: "The body must be a JSON array.", zh: "请求体必须是 JSON 数组。"))
        }
    }
}

// MARK: - Conditional and repeated requests

/// What `If-Match` demands of an object's version.
public enum VersionCondition: Sendable, Hashable {
    /// `*`: any version, so long as the object exists.
    case anyVersion
    /// One of these versions; none when the header named only tags that are not ours.
    case oneOf([Int64])

    public func admits(_ version: Int64) -> Bool {
        switch self {
        case .anyVersion: true
        case .oneOf(let versions): versions.contains(version)
        }
    }
}

extension Call {
    /// `If-Match`, compared strongly (RFC 9110 §13.1.1): weak tags match nothing.
    /// - Throws: a 400 problem when the header is no list of quoted tags.
    public func ifMatch() throws(Problem) -> VersionCondition? {
        let tags = request.headers.list("If-Match")
        guard request.headers.contains("If-Match") else { return nil }
        if tags == ["*"] { return .anyVersion }
        var versions: [Int64] = []
        for tag in tags {
            let opaque = tag.hasPrefix("W/") ? tag.dropFirst(2) : Substring(tag)
            guard opaque.count >= 2, opaque.first == "\"", opaque.last == "\"" else {
                throw .parameter(
                    "If-Match", code: "format",
                    .init(en: "Send If-Match as an ETag was answered: \"3\".", zh: "If-Match 须与返回的 ETag 一致，例如 \"3\"。"))
            }
            if let version = Int64(opaque.dropFirst().dropLast()), !tag.hasPrefix("W/") { versions.append(version) }
        }
        return .oneOf(versions)
    }

    /// `Idempotency-Key`, quoted or bare.
    /// - Throws: a 400 problem for an empty key, one of more than 255 characters, or one with controls or spaces.
    public func idempotencyKey() throws(Problem) -> String? {
        guard let sent = request.headers["Idempotency-Key"] else { return nil }
        let quoted = sent.utf8.count >= 2 && sent.hasPrefix("\"") && sent.hasSuffix("\"")
        let key = quoted ? String(sent.dropFirst().dropLast()) : sent
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .parameter(
                "Idempotency-Key", code: "format",
                .init(
                    en: "Idempotency-Key must have 1 to 255 visible ASCII characters.",
                    zh: "Idempotency-Key 须为 1 到 255 个可见 ASCII 字符。"))
        }
        return key
    }
}
