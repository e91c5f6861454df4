import JSON
import Values

/// The key by which the tool acts inside a tenant, for one command.
enum TemporaryKey {
    /// The longest command is an import.
    static let lifetime = Duration.seconds(3600)
    static let name = "guanxi (temporary)"

    static func request(now: Timestamp = .now()) -> JSON {
        ["name": .string(name), "role": "admin", "expiresAt": (now + lifetime).json]
    }
}
