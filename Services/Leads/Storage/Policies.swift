import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// What a tenant's rules make of a new lead: compiled, so that a lead costs no parsing.
struct LeadPolicy: Sendable {
    let duplicates: LeadDuplicatePolicy
    let assignment: AssignmentRules
    /// nil when the tenant has no grade rules: its leads have no grade.
    let grades: GradeRules?
    var roster: Roster
    /// Whether a rule gives leads to the people of a team in rotation.
    let rotates: Bool
}

/// The rules of assignment and grading.
final class Policies: Sendable {
    let environment: ResourceEnvironment
    let assignmentRules: Resource<AssignmentRule>
    let gradeRules: Resource<GradeRule>
    /// A change through another instance is seen within a second, one through this at once.
    private let kept: KeptRules<LeadPolicy>

    /// - Parameter committed: called after each commit; wakes the outbox's relay.
    init(environment shared: ResourceEnvironment, committed: @escaping @Sendable () -> Void) {
        let versions = shared.ruleVersions
        kept = KeptRules(versions)
        let writer = Writer(database: shared.database) {
            versions.noteChange()
            committed()
        }
        let environment = ResourceEnvironment(
            writer: writer, cursors: shared.cursors, source: shared.source, directory: shared.directory,
            ruleVersions: versions)
        self.environment = environment
        assignmentRules = Resource(
            "assignment-rules", environment: environment,
            rules: Self.checked(environment, target: { $0.assign }) { rule, custom, context in
                try rule.assign.validate()
                _ = try Lead.condition(rule.when, custom: custom, context: context)
            })
        gradeRules = Resource(
            "grade-rules", environment: environment,
            rules: Self.checked(environment) { rule, custom, context in
                _ = try Lead.condition(rule.when, custom: custom, context: context)
            })
    }

    /// Rules whose records are checked against the catalogue of leads, and the person or team they assign to against
    /// the directory, before they are kept.
    private static func checked<Record: Aggregate>(
        _ environment: ResourceEnvironment, target: @escaping @Sendable (Record) -> AssignmentTarget? = { _ in nil },
        _ check: @escaping @Sendable (Record, CustomFields, TextContext) throws -> Void
    ) -> ResourceRules<Record> {
        let checkAll: @Sendable ([Record], TenantID) async throws -> Void = { records, tenant in
            let custom = try await environment.customFields.fields(of: "lead", tenant: tenant)
            let context = try await environment.database.directory.active(tenant).textContext
            for record in records { try check(record, custom, context) }
        }
        let checkTarget: @Sendable (Record, Record?, WriteContext) async throws -> Void = { new, old, context in
            let (given, had) = (target(new), old.flatMap(target))
            if let id = given?.userID, id != had?.userID {
                _ = try await environment.directory?.active(id, at: "/assign/userId", context)
            }
            if let id = given?.teamID, id != had?.teamID {
                try await environment.directory?.check(id, .teams, at: "/assign/teamId", context)
            }
        }
        return ResourceRules(
            creating: { drafts in
                guard let tenant = drafts.first?.context.tenant else { return [] }
                return try await Creation.each(of: drafts) { draft in
                    try await checkAll([draft.record], tenant)
                    try await checkTarget(draft.record, nil, draft.context)
                    return .create(draft.record)
                }
            },
            changing: { modification, _, context in
                try await checkAll([modification.new], context.tenant)
                try await checkTarget(modification.new, modification.old, context)
                return modification
            })
    }

    func policy(of tenant: TenantID) async throws -> LeadPolicy {
        // The rules are compiled for the tenant's days and money.
        let known = try await environment.database.directory.active(tenant)
        return try await kept.value(of: tenant, "\(known.timeZone) \(known.currency)") { try await load(known) }
    }

    private func load(_ tenant: Tenant) async throws -> LeadPolicy {
        let schema = tenant.schema
        let results = try await environment.database.flight(
            tenant.id,
            [
                "\(assignmentRules.table.select(schema)) where deleted_at is null and active",
                "\(gradeRules.table.select(schema)) where deleted_at is null and active",
                "select value from \(schema).grade_thresholds",
                "select id, team_id from \(schema).users where active order by id",
                LeadDuplicatePolicy.select(schema),
            ], options: .read)
        let custom = try await environment.customFields.fields(of: "lead", tenant: tenant.id)
        let context = try tenant.textContext
        let assignments = try results[0].map { try assignmentRules.table.record($0) }
        let grades = try results[1].map { try gradeRules.table.record($0) }
        let thresholds = try Self.thresholds(results[2])
        var roster = Roster(people: [], teams: [:])
        for row in results[3] {
            let id: UUID = try row.get(0)
            roster.people.insert(id)
            guard let team = try row.get(1, as: UUID?.self) else { continue }
            roster.teams[team, default: []].append(id)
            roster.teamOf[id] = team
        }
        return LeadPolicy(
            duplicates: try LeadDuplicatePolicy.read(results[4]),
            assignment: try AssignmentRules(assignments, custom: custom, context: context),
            grades: grades.isEmpty
                ? nil : try GradeRules(grades, thresholds: thresholds, custom: custom, context: context),
            roster: roster, rotates: assignments.contains { $0.assign.teamID != nil })
    }

    private static func thresholds(_ rows: Rows) throws -> GradeThresholds {
        try rows.first.map { try GradeThresholds(json: try $0.get(0, as: JSON.self)) } ?? GradeThresholds()
    }

    func thresholds(of tenant: TenantID) async throws -> GradeThresholds {
        try Self.thresholds(
            try await environment.database.query(
                tenant, "select value from \(schema: tenant).grade_thresholds"))
    }

    func store(_ thresholds: GradeThresholds, _ tenant: TenantID) async throws {
        try await environment.writer.commit(
            tenant,
            [
                """
                insert into \(schema: tenant).grade_thresholds (value) values (\(thresholds.json))
                on conflict (id) do update set value = excluded.value
                """
            ])
    }

    /// Whose turn it was in each team.
    static func rotation(_ schema: SchemaName) -> SQL { "select team_id, user_id from \(schema).turns" }

    static func rotation(_ rows: Rows) throws -> RoundRobin {
        var rotation = RoundRobin()
        for row in rows { rotation.lastAssigned[try row.get(0)] = try row.get(1, as: UUID.self) }
        return rotation
    }

    func rotation(of tenant: TenantID) async throws -> RoundRobin {
        try Self.rotation(try await environment.database.query(tenant, Self.rotation(SchemaName(tenant))))
    }

    /// Takes turns before anything is written: of two that decide at once one decides anew. Nothing is lost with a turn
    /// that a crash gives back, or that a lead which is refused in the end has used up.
    ///
    /// - Throws: ``WriteState/stale`` when somebody else took his meanwhile.
    func advance(to rotation: RoundRobin, from seen: RoundRobin, _ tenant: TenantID) async throws {
        let taken = rotation.lastAssigned.filter { seen.lastAssigned[$0.key] != $0.value }
        guard !taken.isEmpty else { return }
        var options = TransactionOptions.write
        options.isDurable = false
        let statements = taken.sorted { $0.key < $1.key }.map { team, member -> SQL in
            """
            with taken as (
                insert into \(schema: tenant).turns as turn (team_id, user_id) values (\(team), \(member))
                on conflict (team_id) do update set user_id = excluded.user_id
                where turn.user_id is not distinct from \(seen.lastAssigned[team]) returning 1)
            select shared.require_rows((select count(*) from taken), 1)
            """
        }
        _ = try await environment.database.flight(tenant, statements, options: options)
    }
}
