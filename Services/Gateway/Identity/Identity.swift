import Contracts
import Foundation
import HTTP
import Values

/// Who somebody is, and how we know: what the gateway remembers of a verified token.
struct Identity: Sendable {
    let principal: Principal
    /// The session of an access token, which can end before the token does.
    let session: UUID?
    /// After this moment (seconds since 1970) it must be proven anew.
    let expires: Int64

    init(_ principal: Principal, session: UUID? = nil, expires: Int64) {
        (self.principal, self.session, self.expires) = (principal, session, expires)
    }

    /// Whether a revocation means this one.
    func isRevoked(by revocation: Revocation) -> Bool {
        guard principal.tenant == revocation.tenant else { return false }
        return revocation.subject == Revocation.everybody || revocation.subject == principal.subject
            || revocation.subject == session?.lowercased
    }
}

extension Role {
    /// What the role may, as the router checks it.
    var permissions: Set<Permission> { Self.byRole[self] ?? [] }

    private static let byRole: [Role: Set<Permission>] = Dictionary(
        uniqueKeysWithValues: Role.allCases.map { role in
            (role, Set(PermissionMatrix.permissions(of: role).map { Permission($0) }))
        })

    /// What the role sees of owned records.
    var visibility: Principal.Visibility {
        switch PermissionMatrix.scope(of: self) {
        case .own: .own
        case .team: .team
        case .subtree: .subtree
        case .all: .all
        }
    }
}

extension Permission {
    /// What platform operators may; no role of a tenant has these.
    static let manageTenants: Permission = "tenants.manage"
    static let operateServices: Permission = "platform.operate"
}

extension Principal {
    static func operatorKey(_ id: UUID) -> Principal {
        Principal(
            tenant: nil, subject: id.lowercased, kind: .operator, role: "operator",
            permissions: [.manageTenants, .operateServices], visibility: .all)
    }
}
