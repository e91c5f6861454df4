import Contracts
import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Text
import Values

/// Users, teams and business lines of the tenants. Whatever changes what somebody may or sees revokes what is remembered
/// of him, so that it holds everywhere within a second.
struct Directory: Sendable {
    let users: Resource<User>
    let teams: Resource<Team>
    let businessLines: Resource<BusinessLine>

    init(_ environment: ResourceEnvironment) {
        users = Resource(
            "users", environment: environment,
            rules: ResourceRules(
                creating: { drafts in
                    try await Creation.each(of: drafts) { draft in
                        try await Self.check(draft.record, was: nil, environment, draft.context)
                        return Self.may(draft.record.role, draft.context)
                            ? .create(draft.record) : .refuse(Self.tooMuch)
                    }
                },
                changing: { modification, _, context in
                    try await Self.check(modification.new, was: modification.old, environment, context)
                    return try Self.changed(modification, context)
                },
                deleting: { modification, context in
                    var modification = modification
                    let id = modification.old.id
                    modification.statements = [
                        "delete from \(schema: context.tenant).sessions where user_id = \(id)",
                        Revocation.statement(id.lowercased),
                    ]
                    return modification
                },
                restoring: { modification, context in
                    guard Self.may(modification.new.role, context) else { throw Self.tooMuch }
                    return modification
                },
                columns: { user in
                    [("search", "\(SearchText.of(names: [user.name], others: [user.login, user.email]))")]
                }),
            searchColumn: "search")
        teams = Resource(
            "teams", environment: environment,
            rules: ResourceRules(
                creating: { drafts in
                    try await Creation.each(of: drafts) { draft in
                        try await Self.check(draft.record, was: nil, environment, draft.context)
                        return .create(draft.record, statements: [Self.treeChanged])
                    }
                },
                changing: { modification, _, context in
                    try await Self.check(modification.new, was: modification.old, environment, context)
                    var modification = modification
                    if modification.old != modification.new { modification.statements = [Self.treeChanged] }
                    return modification
                },
                deleting: { modification, context in
                    let used = try await environment.database.query(
                        context.tenant,
                        """
                        select 1 from \(schema: context.tenant).users where team_id = \(modification.old.id)
                            and deleted_at is null
                        union all select 1 from \(schema: context.tenant).teams where parent_id = \(modification.old.id)
                            and deleted_at is null limit 1
                        """)
                    guard used.isEmpty else {
                        throw Problem(
                            .conflict,
                            .init(
                                en: "Move the team's users and the teams below it first.", zh: "请先移走该团队的成员及下级团队。"))
                    }
                    var modification = modification
                    modification.statements = [Self.treeChanged]
                    return modification
                }))
        businessLines = Resource("business-lines", environment: environment)
    }

    var endpoints: [Endpoint] {
        users.endpoints() + teams.endpoints() + businessLines.endpoints()
    }

    // MARK: - Users

    /// Nobody gives anybody more than he may himself.
    private static func may(_ role: Role, _ context: WriteContext) -> Bool {
        role.permissions.isSubset(of: context.principal.permissions)
    }

    static let tooMuch = Problem(
        .forbidden,
        .init(
            en: "Nobody gives anybody more than he may himself: let somebody do it who may as much as this user.",
            zh: "不能授予或恢复超出您本人权限的用户。"))

    private static func changed(
        _ modification: Modification<User>, _ context: WriteContext
    ) throws -> Modification<User> {
        var modification = modification
        let (old, new) = (modification.old, modification.new)
        if old.role != new.role, !may(new.role, context) || !may(old.role, context) { throw tooMuch }
        // Who comes back may again what his role may.
        if old.status != new.status, new.status == .active, !may(new.role, context) { throw tooMuch }
        if old.status != new.status {
            modification.event = EventDraft(new.status == .active ? "reactivated" : "deactivated")
        }
        if (old.role, old.status, old.teamID, old.language) != (new.role, new.status, new.teamID, new.language) {
            modification.statements.append(Revocation.statement(new.id.lowercased))
        }
        if new.status == .inactive {
            modification.statements.append(
                "delete from \(schema: context.tenant).sessions where user_id = \(new.id)")
        }
        return modification
    }

    private static func check(
        _ user: User, was old: User?, _ environment: ResourceEnvironment, _ context: WriteContext
    ) async throws {
        guard user.login.wholeMatch(of: /[^\s\/]+/) != nil else {
            throw Problem.validation([
                FieldError("/login", code: "format", .init(en: "Leave out spaces and /.", zh: "不能包含空格和 /。"))
            ])
        }
        try await requireThere(
            [
                ("/teamId", "teams", old?.teamID, user.teamID), ("/managerId", "users", old?.managerID, user.managerID),
            ], environment, context)
        guard user.managerID != user.id else {
            throw Problem.validation([
                FieldError("/managerId", code: "self", .init(en: "Nobody manages himself.", zh: "不能以本人为上级。"))
            ])
        }
    }

    // MARK: - Teams

    /// What managers see follows from the tree: everybody of the tenant is looked at anew.
    private static var treeChanged: SQL { Revocation.statement(Revocation.everybody) }

    private static func check(
        _ team: Team, was old: Team?, _ environment: ResourceEnvironment, _ context: WriteContext
    ) async throws {
        try await requireThere(
            [
                ("/parentId", "teams", old?.parentID, team.parentID),
                ("/managerId", "users", old?.managerID, team.managerID),
            ], environment, context)
        guard let parent = team.parentID, parent != old?.parentID else { return }
        let above = try await environment.database.query(
            context.tenant,
            """
            with recursive above as (
                select id, parent_id, 1 as level from \(schema: context.tenant).teams where id = \(parent)
                union all select t.id, t.parent_id, a.level + 1 from \(schema: context.tenant).teams t
                join above a on t.id = a.parent_id where a.level < 50)
            select id from above
            """)
        guard above.count < 50, try !above.contains(where: { try $0.get(0) == team.id }) else {
            throw Problem.validation([
                FieldError(
                    "/parentId", code: "cycle",
                    .init(en: "A team cannot be below itself.", zh: "团队不能位于自身之下。"))
            ])
        }
    }

    // MARK: - References

    /// Whom a change leaves as it was may be gone since.
    private static func requireThere(
        _ references: [(path: String, table: String, old: UUID?, new: UUID?)], _ environment: ResourceEnvironment,
        _ context: WriteContext
    ) async throws {
        let named = references.filter { $0.new != $0.old }.compactMap { reference in
            reference.new.map { (reference.path, reference.table, $0) }
        }
        guard !named.isEmpty else { return }
        let results = try await environment.database.flight(
            context.tenant,
            named.map { path, table, id in
                "select 1 from \(schema: context.tenant).\(ident: table) where id = \(id) and deleted_at is null"
            })
        let missing = zip(named, results).filter { $1.isEmpty }.map { named, _ in
            FieldIssue.unknownReference(named.0, named.2.lowercased)
        }
        guard missing.isEmpty else { throw ValidationFailure(missing) }
    }
}
