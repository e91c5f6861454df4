import Foundation
import Values

/// What a caller must be allowed to do, such as `leads.write`.
///
/// Which role has which permission is the gateway's matrix; here is only the name.
public struct Permission: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    public let name: String

    public init(_ name: String) { self.name = name }
    public init(stringLiteral value: String) { self.init(value) }

    /// No caller needed: sign-in, published documents.
    public static let everyone: Permission = "everyone"
    /// Any caller whose identity was proven.
    public static let anyCaller: Permission = "anyCaller"

    public var description: String { name }
}

/// Who is calling, as proven by a token. Never built from what the client merely says.
public struct Principal: Sendable, Hashable {
    public enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        case user, apiKey, `operator`, service
    }

    /// Whose records the principal sees.
    public enum Visibility: String, Sendable, Hashable, Codable, CaseIterable {
        case own, team, subtree, all
    }

    /// Nil for operators and services that act for no tenant.
    public let tenant: TenantID?
    /// The id of the user or key (a UUID), or the name of the service.
    public let subject: String
    public let kind: Kind
    /// The role's name: `sales`, `manager`, `operations`, `service`, `executive`, `admin`, `operator`.
    public let role: String
    public let permissions: Set<Permission>
    public let visibility: Visibility
    /// The teams whose records `.team` and `.subtree` reach.
    public let teamIDs: [UUID]
    /// The language chosen in the user's settings; nil leaves it to `Accept-Language`.
    public let language: Language?

    public init(
        tenant: TenantID?, subject: String, kind: Kind, role: String, permissions: Set<Permission>,
        visibility: Visibility, teamIDs: [UUID] = [], language: Language? = nil
    ) {
        self.tenant = tenant
        self.subject = subject
        self.kind = kind
        self.role = role
        self.permissions = permissions
        self.visibility = visibility
        self.teamIDs = teamIDs
        self.language = language
    }

    /// Two principals of one subject differ in their rights, which is seldom: they need not be hashed.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(tenant)
        hasher.combine(subject)
    }

    /// The subject as the id of a user or key; nil for a service.
    public var subjectID: UUID? { UUID(subject) }

    public func may(_ permission: Permission) -> Bool {
        permission == .everyone || permission == .anyCaller || permissions.contains(permission)
    }
}
