import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Text
import Values

/// How leads are stored: intake, duplicates, touches, and what a change of one means.
struct LeadStore: Sendable {
    let environment: ResourceEnvironment
    let policies: Policies
    private let table = Table<Lead>("leads")
    /// Finds the leads that share a key; of very many, those that were touched last.
    private static let sharing = SharedKeys(
        "leads", order: "last_touch_at", descending: true, limit: LeadDuplicatePolicy.mostFlagged)

    init(environment: ResourceEnvironment, policies: Policies) {
        (self.environment, self.policies) = (environment, policies)
    }

    /// Expensive to build: once, at the service's start.
    var resource: Resource<Lead> {
        Resource(
            "leads", environment: environment,
            ownership: Ownership(owner: \.ownerID, team: \.teamID, takesCaller: false, giving: "leads.assign"),
            inputs: [FieldDefinition("ownerLogin", .string, zh: "负责人登录名", en: "Owner's login or e-mail")],
            rules: ResourceRules(
                creating: { try await create($0) },
                finding: { try await touched(by: $0, $1) },
                changing: { modification, _, context in
                    var result = modification
                    try result.old.checkNextStep(result.new.nextStep, at: result.new.nextStepAt)
                    try result.new.validateCreation()
                    if let grading = try await policies.policy(of: context.tenant).grades?.grade(result.new) {
                        (result.new.grade, result.new.points) = (grading.grade, grading.points)
                    }
                    return result
                },
                deleting: { modification, _ in
                    try modification.old.checkNotConverting()
                    return modification
                },
                columns: { lead in
                    [("search", "\(Self.searchText(lead))"), ("match_keys", "\(lead.matchKeys.map(\.text))")]
                }),
            searchColumn: "search")
    }

    private static func searchText(_ lead: Lead) -> String {
        SearchText.of(
            names: [lead.company, lead.person].compactMap(\.self), phones: [lead.phone], others: [lead.email])
    }

    /// The lead one of whose touches has this number.
    private func touched(by key: ExternalKey, _ tenant: TenantID) async throws -> Lead? {
        let schema = SchemaName(tenant)
        let system: SQL = key.system.map { "= \($0)" } ?? "is null"
        let rows = try await environment.database.query(
            tenant,
            """
            \(table.select(schema)) where deleted_at is null and id = (
                select lead_id from \(schema).touches where external_id = \(key.id) and external_system \(system)
                order by at desc limit 1)
            """)
        return try rows.first.map { try table.record($0) }
    }

    // MARK: - Creation

    private func create(_ drafts: [Draft<Lead>]) async throws -> [Creation<Lead>] {
        guard let tenant = drafts.first?.context.tenant else { return [] }
        let rules = try await policies.policy(of: tenant).welcoming(drafts, environment.directory)
        // The keys that the tenant compares by, computed once for each lead: keys of names are expensive.
        let compared = rules.duplicates.keys.union([.externalID])
        let keys = drafts.map { $0.record.matchKeys.filter { compared.contains($0.kind) } }
        let schema = SchemaName(tenant)
        let check = Self.sharing.check(keys.joined().uniqueTexts(), isBatch: drafts.count > 1, schema)
        let queries = ["\(table.select(schema)) \(check.matching)"] + (rules.rotates ? [Policies.rotation(schema)] : [])
        // For a batch of keys the planner underestimates by far what a scan of the whole table costs.
        let settings: [SQL] = drafts.count > 1 ? ["set local enable_seqscan = off"] : []
        let numbers = drafts.compactMap(\.record.externalID)
        let earlier = numbers.isEmpty ? [] : EarlierNumbers.queries(numbers, table, schema)
        let results = try await environment.database.flight(tenant, settings + queries + earlier, options: .read)
        let stored = try results[settings.count].map { try table.record($0) }
        // Leads of this batch are candidates for those behind them.
        let intake = LeadIntake(
            rules: rules, candidates: MatchIndex(stored) { $0.matchKeys },
            numbers: try EarlierNumbers(results.suffix(earlier.count), table))
        let rotation = rules.rotates ? try Policies.rotation(results[settings.count + 1]) : RoundRobin()
        let creations = try await rotating(tenant, rotation) { intake.decide(Array(zip(drafts, keys)), rotation: &$0) }
        return check.guarding(creations, rules.duplicates, found: stored.map { $0.id })
    }

    /// Decides with whose turn it is in each team, anew when somebody else has taken it meanwhile.
    private func rotating(
        _ tenant: TenantID, _ first: RoundRobin, _ decide: (inout RoundRobin) -> [Creation<Lead>]
    ) async throws -> [Creation<Lead>] {
        var known: RoundRobin? = first
        return try await Writer.retrying(attempts: 100, isPaced: false) {
            let seen: RoundRobin
            if let known { seen = known } else { seen = try await policies.rotation(of: tenant) }
            known = nil
            var rotation = seen
            let creations = decide(&rotation)
            try await policies.advance(to: rotation, from: seen, tenant)
            return creations
        }
    }
}

extension WriteContext {
    /// What the rules of leads know of a write.
    var lead: LeadContext { LeadContext(at: occurredAt, now: now) }
}

extension Touch {
    init(of lead: Lead, at time: Timestamp) {
        self.init(
            id: UUIDv7.make(), leadID: lead.id, source: lead.source, at: time, product: lead.product, need: lead.need,
            externalSystem: lead.externalSystem, externalID: lead.externalID)
    }

    func insert(into schema: SchemaName, lead: UUID) -> SQL {
        """
        insert into \(schema).touches (id, lead_id, source, at, product, need, external_system, external_id)
        values (\(id), \(lead), \(source), \(at), \(product), \(need), \(externalSystem), \(externalID))
        """
    }
}
