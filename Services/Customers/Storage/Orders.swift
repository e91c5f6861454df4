import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Values

/// Orders: facts told by other systems. Each keeps its account's figures and lifecycle in the same transaction.
struct Orders: Sendable {
    let environment: ResourceEnvironment
    let accounts: Resource<Account>

    var resource: Resource<Order> {
        Resource(
            "orders", environment: environment,
            ownership: Ownership(
                owner: \.ownerID, team: \.teamID, takesCaller: false, parent: .init("account_id", of: "accounts")),
            inputs: [
                FieldDefinition("accountExternalId", .string, zh: "客户外部编号", en: "Account's external id"),
                FieldDefinition("accountExternalSystem", .string, zh: "客户外部系统", en: "Account's external system"),
            ],
            rules: ResourceRules(
                creating: { try await create($0) },
                naming: { try await Accounts(environment: environment).naming($0, $1) },
                changing: { modification, _, context in try await change(modification, context) },
                deleting: { modification, context in try await change(modification, context) },
                restoring: { modification, context in try await change(modification, context) }))
    }

    // MARK: - Creation

    private func create(_ drafts: [Draft<Order>]) async throws -> [Creation<Order>] {
        guard let context = drafts.first?.context else { return [] }
        let tenant = try await environment.database.directory.active(context.tenant)
        var lookups = try await lookUp(drafts, tenant)
        var told: [Result<Order, Problem>] = []
        for draft in drafts { told.append(lookups.resolve(draft, tenant)) }
        let touched = Set(told.compactMap { try? $0.get().accountID } + lookups.existing.values.compactMap(\.accountID))
        var ledger = try await OrderLedger.load(
            Array(touched), moving: lookups.existing.values.map(\.id), tenant: tenant, accounts: accounts,
            now: context.now)
        // Before they move the figures of an account.
        for (key, known) in lookups.existing {
            lookups.refusals[key] = try await resource.refusal(by: known, context)
        }
        var creations: [Creation<Order>] = []
        var changed: Set<UUID> = []
        for (draft, result) in zip(drafts, told) {
            creations.append(decide(result, draft, &lookups, tenant, &ledger, &changed))
        }
        return attach(ledger.statements(for: changed, accounts, context), to: creations)
    }

    private func decide(
        _ told: Result<Order, Problem>, _ draft: Draft<Order>, _ lookups: inout OrderLookups, _ tenant: Tenant,
        _ ledger: inout OrderLedger, _ changed: inout Set<UUID>
    ) -> Creation<Order> {
        do {
            var order = try told.get()
            guard let account = order.accountID, ledger.account(account) != nil else {
                return .refuse(.unknownReference("/accountId", order.accountID?.lowercased ?? ""))
            }
            if let refusal = order.externalKey.flatMap({ lookups.refusals[$0] }) { return .refuse(refusal) }
            let existing = order.externalKey.flatMap { lookups.existing[$0] }
            if let existing { order = Self.told(order, draft.given, over: existing) }
            let today = draft.context.now.date(in: tenant.zone)
            switch try OrderDecision.decide(existing: existing, told: order, today: today) {
            case .place(let order):
                ledger.apply(before: nil, after: order)
                changed.insert(account)
                lookups.keep(order)
                return .create(order)
            case .correct(var order):
                order.version = existing?.version ?? order.version
                guard let existing else { return .create(order) }
                ledger.apply(before: existing, after: order)
                changed.formUnion(OrderDecision.touchedAccounts(before: existing, after: order))
                let creation = Creation.change(from: existing, to: order)
                // As it will be written: it may be told once more in this batch.
                (order.version, order.updatedAt) = (existing.version + 1, draft.context.now)
                lookups.keep(order)
                return creation
            case .repeated(let order): return .unchanged(order)
            }
        } catch {
            return .refuse(Problem(translating: error) ?? Problem(.internalError))
        }
    }

    /// What is known of an order with what is told of it now. Told again, it stays with the team that its owner had then.
    private static func told(_ order: Order, _ given: FieldChanges, over existing: Order) -> Order {
        var told = Order.catalogue.apply(given, to: existing).record
        (told.accountID, told.updatedAt) = (order.accountID, order.updatedAt)
        if told.ownerID != existing.ownerID, !given.contains("teamId") { told.teamID = order.teamID }
        return told
    }

    /// The accounts' statements go with the last order that is written, so that all of the batch is before them.
    private func attach(_ statements: [SQL], to creations: [Creation<Order>]) -> [Creation<Order>] {
        guard !statements.isEmpty else { return creations }
        var creations = creations
        for index in creations.indices.reversed() {
            switch creations[index] {
            case .create(var insertion):
                insertion.statements = statements
                creations[index] = .create(insertion)
                return creations
            case .change(var modification):
                modification.statements = statements
                creations[index] = .change(modification)
                return creations
            default: continue
            }
        }
        return creations
    }

    private func lookUp(_ drafts: [Draft<Order>], _ tenant: Tenant) async throws -> OrderLookups {
        let schema = tenant.schema
        let numbers = drafts.compactMap(\.record.externalID)
        let names = drafts.compactMap { $0.inputs.value("accountExternalId", as: String.self) }
        let results = try await environment.database.flight(
            tenant.id,
            [
                "\(resource.table.select(schema)) where external_id = any(\(numbers))",
                """
                select external_system, external_id, id from \(schema).accounts
                where external_id = any(\(names)) and deleted_at is null
                """,
            ], options: .read)
        var lookups = OrderLookups()
        for row in results[0] {
            lookups.keep(try resource.table.record(row))
        }
        for row in results[1] {
            lookups.accounts[ExternalKey(system: try row.get(0), id: try row.get(1))] = try row.get(2)
        }
        return lookups
    }

    // MARK: - Change

    /// A change of an order with what it makes of its accounts.
    func change(_ modification: Modification<Order>, _ context: WriteContext) async throws -> Modification<Order> {
        let tenant = try await environment.database.directory.active(context.tenant)
        try tenant.checkCurrency(of: modification.new.amount)
        if modification.new.orderedOn != modification.old.orderedOn {
            try OrderDecision.check(modification.new.orderedOn, today: context.now.date(in: tenant.zone))
        }
        let touched = OrderDecision.touchedAccounts(before: modification.old, after: modification.new)
        var ledger = try await OrderLedger.load(
            Array(touched), moving: [modification.old.id], tenant: tenant, accounts: accounts, now: context.now)
        guard let account = modification.new.accountID, ledger.account(account) != nil else {
            // The figures of what is deleted stay as they are, for when it is restored.
            if modification.new.accountID == modification.old.accountID { throw Self.frozen }
            throw Problem.unknownReference("/accountId", modification.new.accountID?.lowercased ?? "")
        }
        ledger.apply(before: modification.old, after: modification.new)
        var result = modification
        result.statements += ledger.statements(for: touched, accounts, context)
        return result
    }

    private static let frozen = Problem(
        .conflict,
        .init(
            en: "The order's customer is deleted: restore the customer first, or give the order to another one.",
            zh: "该订单的客户已删除，请先恢复客户，或将订单改归其他客户。"))

    /// Takes an order back, or calls it off.
    func close(_ old: Order, as status: Order.Status, _ context: WriteContext) async throws -> Modification<Order> {
        var new = old
        new.status = status
        return try await change(
            Modification(from: old, to: new, EventDraft(status == .returned ? "returned" : "cancelled")), context)
    }
}

/// What a batch of told orders refers to.
struct OrderLookups: Sendable {
    /// Orders told before, also by this batch, by their number.
    var existing: [ExternalKey: Order] = [:]
    /// Why some of them take up nothing.
    var refusals: [ExternalKey: Problem] = [:]
    var accounts: [ExternalKey: UUID] = [:]

    mutating func keep(_ order: Order) {
        if let key = order.externalKey { existing[key] = order }
    }

    /// The order with its account found by number.
    func resolve(_ draft: Draft<Order>, _ tenant: Tenant) -> Result<Order, Problem> {
        var order = draft.record
        if let name = draft.inputs.value("accountExternalId", as: String.self) {
            let system = draft.inputs.value("accountExternalSystem", as: String.self) ?? order.externalSystem
            guard let account = accounts[ExternalKey(system: system, id: name)] else {
                return .failure(.unknownReference("/accountExternalId", name))
            }
            order.accountID = account
        }
        do {
            try tenant.checkCurrency(of: order.amount)
            return .success(order)
        } catch { return .failure(error) }
    }
}
