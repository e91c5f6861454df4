import HTTP
import JSON
import Runtime
import ServiceKit
import Values

/// The key by which the tool acts inside a tenant, for one command.
struct TemporaryKey {
    /// Longer than any command but an import.
    static let lifetime = Duration.seconds(900)
    static let name = "guanxi (temporary)"

    let id: String
    /// The API with this key.
    let api: APIClient

    /// Makes a key of an administrator.
    init(of tenant: String, for lifetime: Duration, api: APIClient) async throws {
        let body: JSON = [
            "name": .string(Self.name), "role": "admin", "expiresAt": (Timestamp.now() + lifetime).json,
        ]
        let made: JSON
        do {
            made = try await api.send(.post, "/v1/tenants/\(PercentCoding.encode(tenant))/api-keys", json: body)
        } catch let refusal as APIRefusal where refusal.status == .notFound {
            throw CommandFailure("there is no tenant \"\(tenant)\": guanxi tenant list shows those that are")
        }
        guard let id = made["id"]?.string, let key = made["key"]?.string else {
            throw CommandFailure("the gateway made no key for \(tenant)")
        }
        (self.id, self.api) = (id, api.with(key: key))
    }

    /// Revokes the key, also when the command was cancelled. What cannot be revoked now expires by itself.
    func revoke() async {
        let (id, api) = (id, api)
        let task = Task(executorPreference: EventLoop.current) {
            _ = try? await api.send(.delete, "/v1/api-keys/\(id)", patience: .seconds(5))
        }
        await task.value
    }
}
