import HTTP
import JSON
import Runtime
import ServiceKit

extension Invocation {
    /// The text as a segment of a path.
    func segment(_ text: String) -> String { PercentCoding.encode(text) }

    /// Runs `body` on a loop of its own; a cancelled command cancels it.
    func onLoop(_ body: @escaping @Sendable (EventLoopGroup) async throws -> Void) async throws {
        let group = EventLoopGroup(count: 1, name: "guanxi")
        let task = Task(executorPreference: group.next()) { try await body(group) }
        try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }

    /// Runs `body` on a loop of its own with the API as the operator.
    func withAPI(_ body: @escaping @Sendable (APIClient) async throws -> Void) async throws {
        var url = try required("url")
        while url.hasSuffix("/") { url.removeLast() }
        guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
            throw CommandFailure.usage("--url is \"\(url)\": expected an address such as http://127.0.0.1:8080")
        }
        let (base, key) = (url, try operatorKey)
        try await onLoop { group in
            let client = HTTPClient(group: group)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await body(APIClient(baseURL: base, key: key, client: client)))
            } catch let refusal as APIRefusal {
                outcome = .failure(refusal.failure)
            } catch {
                outcome = .failure(error)
            }
            await client.shutdown()
            try outcome.get()
        }
    }

    private var operatorKey: String {
        get throws {
            guard let key = self["operator-key"], !key.isEmpty else {
                throw CommandFailure.usage(
                    "the operator's key is missing: give --operator-key or GUANXI_OPERATOR_KEY "
                        + "(after make run: set -a; . .run/guanxi.env; set +a)")
            }
            return key
        }
    }

    /// Runs `body` as an administrator of the tenant named by `--tenant`, with a key that lives as long as the command.
    ///
    /// - Parameter lifetime: when the key expires although it could not be revoked.
    func withTenant(
        for lifetime: Duration = TemporaryKey.lifetime, _ body: @escaping @Sendable (APIClient) async throws -> Void
    ) async throws {
        let tenant = try required("tenant")
        try await withAPI { api in
            let key = try await TemporaryKey(of: tenant, for: lifetime, api: api)
            let outcome: Result<Void, any Error>
            do {
                outcome = .success(try await body(key.api))
            } catch {
                outcome = .failure(error)
            }
            await key.revoke()
            try outcome.get()
        }
    }

    /// Answers in JSON for programs, or else as `text` makes it for people.
    func answer(_ json: JSON, _ text: () -> String) {
        if isJSON { console.write(json) } else { console.write(text()) }
    }
}
