import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Values

/// Targets: one for each period and scope.
struct Targets: Sendable {
    let environment: ResourceEnvironment

    var resource: Resource<Target> {
        Resource(
            "targets", environment: environment,
            rules: ResourceRules(
                creating: { drafts in
                    var told: Set<Scope> = []
                    return try await Creation.each(of: drafts) { draft in
                        let guards = try await check(draft.record, draft.context)
                        guard told.insert(Scope(draft.record)).inserted else { throw Self.taken("") }
                        return .create(draft.record, guards: guards)
                    }
                },
                changing: { modification, _, context in try await checked(modification, context) },
                restoring: { modification, context in try await checked(modification, context) }))
    }

    /// What there is one target for.
    private struct Scope: Hashable {
        let period: String
        let owner, team, businessLine: UUID?

        init(_ target: Target) {
            (period, owner) = (target.period, target.ownerID)
            (team, businessLine) = (target.teamID, target.businessLineID)
        }
    }

    private func checked(
        _ modification: Modification<Target>, _ context: WriteContext
    ) async throws -> Modification<Target> {
        var result = modification
        result.statements += try await check(modification.new, context)
        return result
    }

    /// - Returns: statements that raise when another came in meanwhile.
    private func check(_ target: Target, _ context: WriteContext) async throws -> [SQL] {
        try target.validate()
        try await environment.database.directory.active(context.tenant).checkCurrency(of: target.amount)
        let same: SQL = """
            select id from \(schema: context.tenant).targets where period = \(target.period) and id <> \(target.id)
            and owner_id is not distinct from \(target.ownerID) and team_id is not distinct from \(target.teamID)
            and business_line_id is not distinct from \(target.businessLineID) and deleted_at is null
            """
        if let other = try await environment.database.query(context.tenant, same).first {
            throw Self.taken(try other.get(0, as: UUID.self).lowercased)
        }
        return KeyLock("targets", keys: [target.period]).guarding(found: [], matching: same)
    }

    private static func taken(_ other: String) -> Problem {
        Problem(
            .duplicate,
            .init(
                en: "This period has a target for the same scope: change \(other.isEmpty ? "that one" : other).",
                zh: "该期间已有相同范围的目标，请修改\(other.isEmpty ? "该目标" : " \(other)")。"))
    }
}
