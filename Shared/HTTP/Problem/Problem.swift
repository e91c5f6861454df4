import JSON

/// What is wrong with one member of a body or one parameter.
public struct FieldError: Sendable, Hashable {
    /// JSON Pointer into the body (`/amount/currency`), or the name of the parameter or header.
    public let path: String
    /// Stable and machine-readable: `required`, `unknown`, `type`, `range`, `format`, ….
    public let code: String
    /// Says what to change.
    public let message: LocalizedText

    public init(_ path: String, code: String, _ message: LocalizedText) {
        self.path = path
        self.code = code
        self.message = message
    }
}

/// An error that is an answer: `application/problem+json` (RFC 9457).
///
/// Handlers throw it; the router renders it in the caller's language. Nothing in it may name internals.
public struct Problem: Error, Sendable {
    public let type: ProblemType
    /// Says what to change; the type's advice when there is nothing more precise.
    public var detail: LocalizedText
    public var errors: [FieldError]
    /// Sent as `Retry-After`, in whole seconds, rounded up.
    public var retryAfter: Duration?
    /// Further members of the problem object, such as `currentVersion`.
    public var extras: JSONObject
    /// Further headers of the answer, such as `Allow`.
    public var headers: [(name: String, value: String)]

    public init(
        _ type: ProblemType, _ detail: LocalizedText? = nil, errors: [FieldError] = [], retryAfter: Duration? = nil,
        extras: JSONObject = [:], headers: [(name: String, value: String)] = []
    ) {
        self.type = type
        self.detail = detail ?? type.advice
        self.errors = errors
        self.retryAfter = retryAfter
        self.extras = extras
        self.headers = headers
    }

    /// One bad parameter of the path, the query or a header.
    public static func parameter(_ name: String, code: String, _ message: LocalizedText) -> Problem {
        Problem(.invalidParameter, message, errors: [FieldError(name, code: code, message)])
    }

    /// The body's members that were not accepted.
    public static func validation(_ errors: [FieldError]) -> Problem {
        Problem(.validationFailed, errors: errors)
    }
}

extension Problem: CustomStringConvertible {
    public var description: String { "\(type.status) \(type.code): \(detail.english)" }
}

extension Problem {
    /// The problem object.
    public func json(language: Language, requestID: String) -> JSON {
        var object: JSONObject = [
            "type": .string(type.reference), "title": .string(type.title(language)), "status": .int(Int64(type.status)),
            "detail": .string(detail(language)), "code": .string(type.code),
        ]
        object["errors"] = .array(
            errors.map {
                ["path": .string($0.path), "code": .string($0.code), "message": .string($0.message(language))]
            })
        for (name, value) in extras { object[name] = value }
        object["requestId"] = .string(requestID)
        return .object(object)
    }

    /// The answer that tells a client of the problem.
    public func response(language: Language = .english, requestID: String) -> HTTPResponse {
        var headers = HTTPHeaders()
        headers["Content-Type"] = "application/problem+json"
        headers["Content-Language"] = language.rawValue
        headers["Cache-Control"] = "no-store"
        if let retryAfter { headers["Retry-After"] = String(retryAfter.wholeSecondsRoundedUp) }
        if type.status == 401 { headers["WWW-Authenticate"] = "Bearer" }
        for (name, value) in self.headers { headers[name] = value }
        return HTTPResponse(
            HTTPStatus(rawValue: type.status), headers: headers,
            body: .bytes(json(language: language, requestID: requestID).serialize()))
    }
}

extension Duration {
    /// At least 1: a `Retry-After` of 0 invites a storm.
    fileprivate var wholeSecondsRoundedUp: Int64 {
        let (seconds, attoseconds) = components
        return max(1, attoseconds > 0 ? seconds + 1 : seconds)
    }
}
