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

/// Leads at the door: duplicates, touches, and what a change of one means.
struct LeadStore: Sendable {
    let environment: ResourceEnvironment
    let policies: Policies
    private let table = Table<Lead>("leads")
    /// Finds the leads that share a key; of very many, those that were touched last.
    private static let sharing = SharedKeys(
        "leads", order: "last_touch_at", descending: true, limit: DuplicateDecision.mostFlagged)

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
                finding: { try await told(by: $0, $1) },
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

    /// The lead that was told of by this number as another touch.
    private func told(by key: ExternalKey, _ tenant: TenantID) async throws -> Lead? {
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
        let asked = rules.duplicates.keys.union([.externalID])
        let keys = drafts.map { $0.record.matchKeys.filter { asked.contains($0.kind) } }
        let schema = SchemaName(tenant)
        let matching: SQL = """
            where id = any(array(\(Self.sharing.select(Array(Set(keys.joined().map(\.text))), isBatch: drafts.count > 1, schema))))
            """
        let looks = ["\(table.select(schema)) \(matching)"] + (rules.usesTurns ? [Policies.turns(schema)] : [])
        // For a batch of keys the planner underestimates by far what a scan of the whole table costs.
        let settings: [SQL] = drafts.count > 1 ? ["set local enable_seqscan = off"] : []
        let numbers = drafts.compactMap(\.record.externalID)
        let told = numbers.isEmpty ? [] : ToldLeads.looks(numbers, table, schema)
        let results = try await environment.database.flight(tenant, settings + looks + told, options: .read)
        let found = results[settings.count]
        let stored = try found.map { try $0.get(0, as: UUID.self) }
        // Leads of this batch are candidates for those behind them.
        let door = LeadDoor(
            rules: rules, known: KnownLeads(try found.map { try table.record($0) }),
            told: try ToldLeads(results.suffix(told.count), table))
        let turns = rules.usesTurns ? try Policies.readTurns(results[settings.count + 1]) : RoundRobin()
        let creations = try await inTurn(tenant, turns) { door.decide(Array(zip(drafts, keys)), turns: &$0) }
        // Flags may miss what came in at the same moment; a promise of one record may not.
        guard rules.duplicates.action != .createAndFlag else { return creations }
        let turn = WriteTurn("leads", keys: keys.joined().map(\.text))
        return creations.guarded(
            by: turn.guarding(found: stored, matching: "select id from \(schema).leads \(matching)"))
    }

    /// Decides with whose turn it is, anew when somebody else has taken it meanwhile.
    private func inTurn(
        _ tenant: TenantID, _ seen: RoundRobin, _ decide: (inout RoundRobin) -> [Creation<Lead>]
    ) async throws -> [Creation<Lead>] {
        var seen = seen
        for attempt in 1... {
            var turns = seen
            let creations = decide(&turns)
            do {
                try await policies.take(turns, after: seen, tenant)
                return creations
            } catch let error as PostgresError where error.sqlState == WriteState.stale {
                guard attempt < 100 else { throw error }
                seen = try Policies.readTurns(
                    try await environment.database.query(tenant, Policies.turns(SchemaName(tenant))))
            }
        }
        return []
    }
}

extension WriteContext {
    /// What the rules of leads know of a write.
    var lead: LeadContext { LeadContext(at: occurredAt, now: now) }
}

extension MatchKey {
    /// As it is stored.
    var text: String { "\(kind.rawValue):\(value)" }
}

extension Duplicate {
    var json: JSON { ["id": id.json, "score": score.json, "why": why.map { $0.why(language: "en") }.json] }
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

extension DuplicatePolicy {
    /// From its stored form.
    init(_ json: JSON) {
        self.init()
        action = json["policy"]?.string.flatMap(Action.init) ?? action
        if let names = json["keys"]?.array {
            keys = Set(names.compactMap { $0.string.flatMap(MatchKeyKind.init) })
        }
        if let days = json["windowDays"] { windowDays = days.int.map { Int($0) } }
    }

    var json: JSON {
        ["policy": action.rawValue.json, "keys": keys.map(\.rawValue).sorted().json, "windowDays": windowDays.json]
    }
}
