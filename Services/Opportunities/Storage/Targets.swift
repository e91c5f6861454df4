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
                    try await Creation.each(of: drafts) { draft in
                        try await check(draft.record, draft.context)
                        return .create(draft.record)
                    }
                },
                changing: { modification, _, context in
                    try await check(modification.new, context)
                    return modification
                }))
    }

    private func check(_ target: Target, _ context: WriteContext) async throws {
        try target.validate()
        try References.check(target.amount, try await environment.database.directory.active(context.tenant))
        let same = try await environment.database.query(
            context.tenant,
            """
            select id from \(schema: context.tenant).targets where period = \(target.period) and id <> \(target.id)
            and owner_id is not distinct from \(target.ownerID) and team_id is not distinct from \(target.teamID)
            and business_line_id is not distinct from \(target.businessLineID) and deleted_at is null limit 1
            """)
        guard let other = try same.first.map({ try $0.get(0, as: UUID.self) }) else { return }
        throw Problem(
            .duplicate,
            .init(
                en: "This period has a target for the same scope: change \(other.lowercased).",
                zh: "该期间已有相同范围的目标，请修改 \(other.lowercased)。"))
    }
}
