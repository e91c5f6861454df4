import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Text
import Values

/// The tenant's people and their order: users, teams, business lines.
struct Directory: Sendable {
    let users: Resource<User>
    let teams: Resource<Team>
    let businessLines: Resource<BusinessLine>

    init(_ environment: ResourceEnvironment, revocations: Revocations) {
        users = Resource(
            "users", environment: environment,
            rules: ResourceRules(
                changing: { modification, _, context in Self.change(modification, context) },
                deleting: { modification, context in Self.change(modification, context) },
                columns: { user in
                    let parts = [user.name, Pinyin.searchText(user.name), user.login, user.email ?? ""]
                    return [("search", "\(foldedText(parts.joined(separator: " ")))")]
                }),
            searchColumn: "search", searchText: { foldedText($0) })
        teams = Resource("teams", environment: environment)
        businessLines = Resource("business-lines", environment: environment)
    }

    var endpoints: [Endpoint] { users.endpoints() + teams.endpoints() + businessLines.endpoints() }

    /// Tokens are looked at again when what they mean may have changed.
    private static func change(_ modification: Modification<User>, _ context: WriteContext) -> Modification<User> {
        let (old, new) = (modification.old, modification.new)
        var result = modification
        if old.status != new.status {
            result.happening = Happening(new.status == .active ? "reactivated" : "deactivated")
        }
        let matters =
            old.status != new.status || old.role != new.role || old.teamID != new.teamID
            || old.deletedAt != new.deletedAt
        if matters { result.statements.append(Revocation.statement(old.id.lowercased)) }
        return result
    }
}
