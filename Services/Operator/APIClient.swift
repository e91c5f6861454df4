import HTTP
import JSON
import Runtime
import ServiceKit

/// The API as the operators' tool speaks it: JSON in and out, refusals as sentences.
struct APIClient: Sendable {
    let baseURL: String
    /// An operator's key, or a tenant's.
    let key: String
    let client: HTTPClient

    private static let answerLimit = 64 << 20

    /// The same installation with another key.
    func with(key: String) -> APIClient { APIClient(baseURL: baseURL, key: key, client: client) }

    /// Sends a request and answers the body, `null` when there is none.
    ///
    /// - Throws: ``ServiceKit/CommandFailure``.
    func send(
        _ method: HTTPMethod, _ path: String, query: [(name: String, value: String?)] = [], json: JSON? = nil,
        patience: Duration = .seconds(60)
    ) async throws -> JSON {
        let body = json.map { (bytes: $0.serialize(), type: "application/json") }
        return try await send(method, path, query: query, body: body, patience: patience)
    }

    func send(
        _ method: HTTPMethod, _ path: String, query: [(name: String, value: String?)] = [],
        body: (bytes: [UInt8], type: String)?, patience: Duration
    ) async throws -> JSON {
        var headers: HTTPHeaders = ["Authorization": "Bearer \(key)", "Accept-Language": "en"]
        if let body { headers["Content-Type"] = body.type }
        let url = baseURL + path + Self.text(query)
        let response: ClientResponse
        let bytes: [UInt8]
        do {
            response = try await client.send(
                ClientRequest(
                    method, url, headers: headers, body: body.map { .bytes($0.bytes) } ?? .none,
                    deadline: .after(patience)))
            bytes = try await response.bytes(upTo: Self.answerLimit)
        } catch let error as HTTPClientError {
            throw CommandFailure(
                "\(error.description). Check GUANXI_URL (\(baseURL)) and that the gateway runs", code: .unavailable)
        } catch is DeadlineExceeded {
            throw CommandFailure("\(baseURL) did not answer within \(patience): try again later", code: .unavailable)
        }
        let answer = bytes.isEmpty ? .null : try? JSON.parse(bytes)
        guard response.status.isSuccess else { throw Self.failure(response.status, answer ?? .null) }
        guard let answer else {
            throw CommandFailure("\(baseURL) did not answer in JSON: is GUANXI_URL the gateway's address?")
        }
        return answer
    }

    /// The items of every page of a list.
    func all(_ path: String, query: [(name: String, value: String?)] = []) async throws -> [JSON] {
        var items: [JSON] = []
        var cursor: String?
        repeat {
            let page = try await send(.get, path, query: query + [("cursor", cursor)])
            items += page["items"]?.array ?? []
            cursor = page["nextCursor"]?.string
        } while cursor != nil
        return items
    }

    private static func text(_ query: [(name: String, value: String?)]) -> String {
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(PercentCoding.encode($0))" } }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    /// A problem in one line: what is wrong, each field, the request's id to look it up.
    static func failure(_ status: HTTPStatus, _ problem: JSON) -> CommandFailure {
        var text = problem["detail"]?.string ?? problem["title"]?.string ?? "the server answered \(status.code)"
        for error in problem["errors"]?.array ?? [] {
            text += " \(error["path"]?.string ?? ""): \(error["message"]?.string ?? "")"
        }
        if status == .unauthorized { text += " Check GUANXI_OPERATOR_KEY" }
        if let id = problem["requestId"]?.string { text += " (request \(id))" }
        let isPassing = [429, 502, 503, 504].contains(status.code)
        return CommandFailure(text, code: isPassing ? .unavailable : .failure)
    }
}

extension Invocation {
    /// The text as a segment of a path.
    func segment(_ text: String) -> String { PercentCoding.encode(text) }

    /// Runs `body` on a loop of its own with the API as the operator.
    func withAPI(_ body: @escaping @Sendable (APIClient) async throws -> Void) async throws {
        var url = try required("url")
        while url.hasSuffix("/") { url.removeLast() }
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw CommandFailure.usage("--url is \"\(url)\": expected an address such as http://127.0.0.1:8080")
        }
        let (base, key) = (url, try required("operator-key"))
        let group = EventLoopGroup(count: 1, name: "guanxi")
        let task = Task(executorPreference: group.next()) {
            let client = HTTPClient(group: group)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await body(APIClient(baseURL: base, key: key, client: client)))
            } catch {
                outcome = .failure(error)
            }
            await client.shutdown()
            try outcome.get()
        }
        try await task.value
    }

    /// Runs `body` as an administrator of the tenant named by `--tenant`, with a key that lives as long as the command.
    func withTenant(_ body: @escaping @Sendable (APIClient) async throws -> Void) async throws {
        let tenant = try required("tenant")
        try await withAPI { api in
            let made = try await api.send(
                .post, "/v1/tenants/\(segment(tenant))/api-keys", json: TemporaryKey.request())
            guard let id = made["id"]?.string, let key = made["key"]?.string else {
                throw CommandFailure("The gateway made no key for \(tenant)")
            }
            let inside = api.with(key: key)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await body(inside))
            } catch {
                outcome = .failure(error)
            }
            // What cannot be revoked now expires by itself.
            _ = try? await inside.send(.delete, "/v1/api-keys/\(id)")
            try outcome.get()
        }
    }

    /// Answers in JSON for programs, or else as `text` makes it for people.
    func answer(_ json: JSON, _ text: () -> String) {
        if isJSON { console.write(json) } else { console.write(text()) }
    }
}
