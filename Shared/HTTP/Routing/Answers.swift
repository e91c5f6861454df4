import JSON

/// The answers that handlers give most.
extension HTTPResponse {
    public static func json(_ value: JSON, status: HTTPStatus = .ok, headers: HTTPHeaders = [:]) -> HTTPResponse {
        json(bytes: value.serialize(), status: status, headers: headers)
    }

    /// An answer of JSON that is already written.
    public static func json(bytes: [UInt8], status: HTTPStatus = .ok, headers: HTTPHeaders = [:]) -> HTTPResponse {
        var response = HTTPResponse(status, headers: headers, body: .bytes(bytes))
        response.headers.add("Content-Type", "application/json")
        return response
    }

    /// 201 with the object, its address and, when it has one, its version.
    public static func created(_ value: JSON, at location: String, version: Int64? = nil) -> HTTPResponse {
        var response = json(value, status: .created, headers: ["Location": location])
        response.version = version
        return response
    }

    public static let noContent = HTTPResponse(.noContent)

    /// The object's version as `ETag: "<version>"`.
    public var version: Int64? {
        get { headers["ETag"].flatMap { Int64($0.dropFirst().dropLast()) } }
        set { headers["ETag"] = newValue.map { "\"\($0)\"" } }
    }
}
