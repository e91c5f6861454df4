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

/// Opportunities: creation, and the acts that move and close them.
struct Opportunities: Sendable {
    let environment: ResourceEnvironment
    let pipelines: Pipelines
    let products: Products

    var resource: Resource<Opportunity> {
        Resource(
            "opportunities", environment: environment,
            ownership: Ownership(owner: \.ownerID, team: \.teamID, giving: "opportunities.assign"),
            inputs: [
                FieldDefinition("product", .string, zh: "产品", en: "Product", help: "A name or an alias."),
                FieldDefinition("quantity", .integer(1...1_000_000), zh: "数量", en: "Quantity"),
                FieldDefinition("ownerLogin", .string, zh: "负责人登录名", en: "Owner's login or e-mail"),
            ],
            rules: ResourceRules(
                creating: { try await create($0) },
                changing: { modification, _, context in
                    if modification.new.amount != modification.old.amount {
                        try await environment.database.directory.active(context.tenant)
                            .checkCurrency(of: modification.new.amount)
                    }
                    try await check(modification, context.tenant)
                    return try await kept(modification, context)
                },
                deleting: { modification, context in try await withoutContracts(modification, context) },
                restoring: { modification, context in try await kept(modification, context) },
                columns: { [("search", "\(Self.searchText($0))")] },
                showing: { $0.shown(in: $1) }),
            searchColumn: "search")
    }

    private static func searchText(_ opportunity: Opportunity) -> String {
        SearchText.of(names: [opportunity.name], others: [opportunity.code])
    }

    // MARK: - Creation

    private func create(_ drafts: [Draft<Opportunity>]) async throws -> [Creation<Opportunity>] {
        guard let tenant = drafts.first?.context.tenant else { return [] }
        let schema = SchemaName(tenant)
        let names = drafts.compactMap { $0.inputs.value("product", as: String.self) }
        let table = resource.table
        let results = try await environment.database.flight(
            tenant,
            [
                """
                select nextval(\("\(tenant.schema).opportunity_code")::text::regclass)
                from generate_series(1, \(drafts.count))
                """,
                "\(table.select(schema)) where external_id = any(\(drafts.compactMap(\.record.externalID)))",
            ])
        var known = try results[1].map { try table.record($0) }
        let offered = try await products.known(drafts.flatMap(\.record.productLines).ids, tenant: tenant)
        let sold = try await products.find(matching: names.map(Product.matchKey), tenant: tenant)
        let active = try await pipelines.active(tenant)
        let home = try await environment.database.directory.active(tenant)
        return zip(drafts, results[0]).map { draft, row in
            if let existing = known.first(knownAs: draft.record) { return .unchanged(existing) }
            do {
                try Product.check(draft.record.productLines, among: offered)
                let placed = try place(draft, number: try row.get(0), products: sold, pipelines: active, home)
                // It may be told once more in this batch.
                if placed.externalKey != nil { known.append(placed) }
                let line = placed.creation(by: draft.context.principal.subjectID)
                return .create(placed, statements: [StageHistory.insert(line, of: placed, schema)])
            } catch {
                return .refuse(Problem(translating: error) ?? Problem(.internalError))
            }
        }
    }

    private func place(
        _ draft: Draft<Opportunity>, number: Int64, products: [Product], pipelines: [PipelineRecord], _ tenant: Tenant
    ) throws -> Opportunity {
        var opportunity = draft.record
        let wanted = draft.given.contains("pipelineId") ? opportunity.pipelineID : nil
        let candidates = pipelines.filter { wanted == nil || $0.id == wanted }
        guard
            let record = candidates.first(where: { $0.businessLineID == opportunity.businessLineID })
                ?? candidates.first(where: { $0.businessLineID == nil }) ?? candidates.first
        else { throw Problem.unknownReference("/pipelineId", wanted?.lowercased ?? "") }
        let pipeline = record.current
        guard let stage = opportunity.stage.isEmpty ? pipeline.first : pipeline[opportunity.stage], !stage.isSigned
        else {
            throw Problem.unknownReference("/stage", opportunity.stage)
        }
        if let name = draft.inputs.value("product", as: String.self) {
            let key = Product.matchKey(name)
            guard let product = products.first(where: { $0.matchKeys.contains(key) }) else {
                throw Problem.unknownReference("/product", name)
            }
            var line = ProductLine()
            (line.productID, line.name, line.price) = (product.id, product.name, product.listPrice)
            line.quantity = draft.inputs.value("quantity") ?? 1
            opportunity.productLines.append(line)
        }
        try tenant.checkCurrency(of: opportunity.amount)
        opportunity.code =
            ReadableCode(
                prefix: Opportunity.codePrefix, year: draft.context.now.date(in: tenant.zone).year, number: number
            ).description
        (opportunity.pipelineID, opportunity.pipelineVersion) = (record.id, Int(record.pipelineVersion))
        opportunity.enter(stage)
        opportunity.stageEnteredAt = draft.context.occurredAt
        opportunity.openedAt = draft.context.occurredAt
        return opportunity
    }

    /// What a change names anew must be there; what was sold before may have gone from the catalogue.
    private func check(_ modification: Modification<Opportunity>, _ tenant: TenantID) async throws {
        let (old, new) = (modification.old.productLines, modification.new.productLines)
        guard new != old else { return }
        let offered = try await products.known(new.ids, tenant: tenant)
        try Product.check(new, among: offered.union(old.ids))
    }

    // MARK: - Owners

    /// Gives an opportunity to a person, a team or both.
    func assign(
        _ old: Opportunity, owner: UUID?, team: UUID?, reason: String?, _ context: WriteContext
    ) async throws -> Modification<Opportunity> {
        var new = old
        (new.ownerID, new.teamID) = (owner, team ?? (owner == nil ? nil : old.teamID))
        return try await kept(
            try await resource.reassigned(
                Modification(from: old, to: new), context, asksTeam: team != nil, reason: reason), context)
    }

    /// A change with what it means for its registration and its contracts.
    private func kept(
        _ modification: Modification<Opportunity>, _ context: WriteContext
    ) async throws -> Modification<Opportunity> {
        let registered = try await Registrations(environment: environment).kept(modification, context)
        return try await OpportunityContracts(environment: environment).following(registered, context)
    }

    private func withoutContracts(
        _ modification: Modification<Opportunity>, _ context: WriteContext
    ) async throws -> Modification<Opportunity> {
        try await OpportunityContracts(environment: environment).without(modification, context)
    }

    // MARK: - Acts

    /// Moves, wins, loses or reopens an opportunity.
    func act(_ command: OpportunityCommand, on old: Opportunity, _ context: WriteContext) async throws -> Modification<
        Opportunity
    > {
        let tenant = try await environment.database.directory.active(context.tenant)
        if case .win(let amount) = command { try tenant.checkCurrency(of: amount) }
        guard
            let pipeline = try await pipelines.find(
                old.pipelineID, version: Int64(old.pipelineVersion), tenant: context.tenant)
        else { throw Problem(.conflict) }
        let events = try Opportunity.decide(
            old, command,
            OpportunityContext(
                pipeline: pipeline, actor: context.principal.subjectID, at: context.occurredAt, now: context.now))
        guard let event = events.first else { return Modification(from: old, to: old) }
        var new = Opportunity.evolve(old, event)
        var place = pipeline
        if case .migrate(let target, _) = command { place = target }
        if let stage = place[new.stage] { new.enter(stage) }
        new.closeDate = new.closedAt.map { $0.date(in: tenant.zone) }
        var stored = new
        stored.version = old.version + 1
        let modification = Modification(
            from: old, to: new, event.draft,
            statements: [StageHistory.insert(event.change, of: stored, tenant.schema)])
        guard case .reopen = command else { return modification }
        // What has a contract is won; and others may have registered meanwhile.
        return try await Registrations(environment: environment).kept(
            try await withoutContracts(modification, context), context)
    }
}

extension Opportunity {
    /// Takes over what the stage says.
    mutating func enter(_ stage: Stage) {
        self.stage = stage.key
        stageName = stage.label.zh
        stageNames = StageNames(en: stage.label.en, zh: stage.label.zh)
        winRate = status == .lost ? 0 : Int64(stage.winRate)
    }

    /// With the name of the stage in the reader's language.
    func shown(in language: Language) -> Opportunity {
        guard language == .english, let name = stageNames?.en else { return self }
        var shown = self
        shown.stageName = name
        return shown
    }
}

extension [ProductLine] {
    /// Of the products in them.
    fileprivate var ids: [UUID] { compactMap(\.productID) }
}

extension Product {
    /// Refuses lines whose product is none of those that are there.
    static func check(_ lines: [ProductLine], among known: Set<UUID>) throws(ValidationFailure) {
        let issues = lines.enumerated().compactMap { index, line -> FieldIssue? in
            guard let id = line.productID, !known.contains(id) else { return nil }
            return .unknownReference(
                "/productLines/\(index)/productId", id.lowercased, kind: ("product", "产品", "/v1/products"))
        }
        guard issues.isEmpty else { throw ValidationFailure(issues) }
    }
}
