import HTTP
import JSON
import Runtime
import ServiceKit
import Values

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
    /// - Throws: ``APIRefusal``; ``ServiceKit/CommandFailure`` when there is no answer; `CancellationError`.
    func send(
        _ method: HTTPMethod, _ path: String, query: [(name: String, value: String?)] = [], json: JSON? = nil,
        patience: Duration = .seconds(60)
    ) async throws -> JSON {
        let headers: HTTPHeaders = json == nil ? [:] : ["Content-Type": "application/json"]
        return try await send(
            method, path, query: query, headers: headers, body: json.map { .bytes($0.serialize()) } ?? .none,
            patience: patience)
    }

    func send(
        _ method: HTTPMethod, _ path: String, query: [(name: String, value: String?)] = [], headers: HTTPHeaders,
        body: HTTPBody, patience: Duration
    ) async throws -> JSON {
        var headers = headers
        headers["Authorization"] = "Bearer \(key)"
        headers["Accept-Language"] = "en"
        let request = ClientRequest(
            method, baseURL + path + Self.text(query), headers: headers, body: body, deadline: .after(patience))
        let (status, bytes) = try await exchange(request, patience)
        let answer = bytes.isEmpty ? .null : try? JSON.parse(bytes)
        guard status.isSuccess else { throw APIRefusal(status, answer ?? .null) }
        guard let answer else {
            throw CommandFailure("\(baseURL) did not answer in JSON: is --url (or GUANXI_URL) the gateway's address?")
        }
        return answer
    }

    /// How often a request that may be sent again is, a second after the other: longer than a service takes to start.
    private static let attempts = 15

    /// Sends what must have one effect: under an Idempotency-Key, and again when the connection broke or a server is
    /// away.
    ///
    /// - Parameter body: makes the body anew for each attempt.
    func sendOnce(
        _ method: HTTPMethod, _ path: String, query: [(name: String, value: String?)] = [], headers: HTTPHeaders,
        patience: Duration, body: () throws -> HTTPBody
    ) async throws -> JSON {
        var headers = headers
        headers["Idempotency-Key"] = UUIDv7.make().lowercased
        for attempt in 1... {
            let mayTryAgain = attempt < Self.attempts
            do {
                return try await send(
                    method, path, query: query, headers: headers, body: try body(), patience: patience)
            } catch let failure as CommandFailure where failure.code == .unavailable && mayTryAgain {
                try await Task.sleep(for: .seconds(1))
            } catch let refusal as APIRefusal where refusal.isForNow && mayTryAgain {
                try await Task.sleep(for: .seconds(1))
            }
        }
        throw CancellationError()
    }

    /// The whole answer; one that says "too fast" is waited out.
    private func exchange(_ request: ClientRequest, _ patience: Duration) async throws -> (HTTPStatus, [UInt8]) {
        do {
            while true {
                let response = try await client.send(request)
                let bytes = try await response.bytes(upTo: Self.answerLimit)
                guard response.status == .tooManyRequests, request.mayBeSentAgain else {
                    return (response.status, bytes)
                }
                try await Task.sleep(for: .seconds(response.headers["Retry-After"].flatMap(Int.init) ?? 1))
            }
        } catch let error as HTTPClientError {
            throw CommandFailure(
                "\(error.description): see that the gateway runs there, or give another --url (or GUANXI_URL)",
                code: .unavailable)
        } catch is DeadlineExceeded {
            throw CommandFailure("\(baseURL) did not answer within \(patience): try again later", code: .unavailable)
        }
    }

    /// The items of every page of a list.
    func all(_ path: String, query: [(name: String, value: String?)] = []) async throws -> [JSON] {
        var items: [JSON] = []
        var cursor: String?
        repeat {
            let page = try await send(.get, path, query: query + [("limit", "500"), ("cursor", cursor)])
            items += page["items"]?.array ?? []
            cursor = page["nextCursor"]?.string
        } while cursor != nil
        return items
    }

    private static func text(_ query: [(name: String, value: String?)]) -> String {
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(PercentCoding.encode($0))" } }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }
}

/// What the API answered instead of doing what was asked.
struct APIRefusal: Error, CustomStringConvertible {
    let status: HTTPStatus
    /// Names the problem, as `docs/api.md` lists them.
    let code: String
    /// What is wrong in one line, with each field and the request's id to look it up.
    let description: String

    init(_ status: HTTPStatus, _ problem: JSON) {
        var text = problem["detail"]?.string ?? problem["title"]?.string ?? "the server answered \(status.code)"
        for error in problem["errors"]?.array ?? [] {
            let message = error["message"]?.string ?? ""
            if !text.hasSuffix(message) { text += " \(error["path"]?.string ?? ""): \(message)" }
        }
        if status == .unauthorized {
            text = "the key is not known there: give the operator's by GUANXI_OPERATOR_KEY or --operator-key"
        }
        if let id = problem["requestId"]?.string { text += " (request \(id))" }
        (self.status, description) = (status, text)
        code = problem["code"]?.string ?? ""
    }

    /// Sent again, the request may be answered otherwise: a server is away, or the same request is still at work.
    var isForNow: Bool { isUnavailable || code == "requestInProgress" }

    private var isUnavailable: Bool { [429, 502, 503, 504].contains(status.code) }

    /// How the command ends by it.
    var failure: CommandFailure {
        CommandFailure(description, code: isUnavailable ? .unavailable : .failure)
    }
}

extension ClientRequest {
    fileprivate var mayBeSentAgain: Bool {
        if case .stream = body.content { false } else { true }
    }
}
