import Security
import ServiceKit

/// The gateway's settings beside those that every service has.
struct GatewaySettings: Sendable {
    let limits: RateLimits.Limits
    let passwordCost: PasswordHash.Cost
    let keyRotation: Duration

    /// What passwords cost to hash: `light` is for tests and demonstrations.
    enum Cost: String, CaseIterable, ConfigurationChoice { case standard, light }

    private static let tenantRate = ConfigurationKey(
        "rate-limit-tenant", default: 10_000, in: 1...1_000_000, help: "Requests a second of one tenant, per instance.")
    private static let callerRate = ConfigurationKey(
        "rate-limit-caller", default: 5_000, in: 1...1_000_000,
        help: "Requests a second of one user or API key, per instance.")
    private static let addressRate = ConfigurationKey(
        "rate-limit-address", default: 100, in: 1...1_000_000,
        help: "Requests a second without identity (log-ins, documents) from one address, per instance.")
    private static let cost = ConfigurationKey(
        "password-cost", default: Cost.standard, help: "What hashing a password costs; light only for tests.")
    private static let rotation = ConfigurationKey(
        "key-rotation", default: Duration.seconds(30 * 86_400), in: .seconds(60)...(.seconds(100 * 86_400)),
        help: "The age at which the key that signs tokens gets a successor.")

    static let keys: [AnyConfigurationKey] = [
        .init(tenantRate), .init(callerRate), .init(addressRate), .init(cost), .init(rotation),
    ]

    init(_ configuration: Configuration) {
        limits = RateLimits.Limits(
            tenant: RateLimit(name: "tenant", perSecond: Double(configuration[Self.tenantRate])),
            caller: RateLimit(name: "caller", perSecond: Double(configuration[Self.callerRate])),
            stranger: RateLimit(name: "address", perSecond: Double(configuration[Self.addressRate])))
        passwordCost = configuration[Self.cost] == .standard ? .standard : .light
        keyRotation = configuration[Self.rotation]
    }
}
