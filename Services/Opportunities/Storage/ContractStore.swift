import Contracts
import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Tenancy
import Values

/// Contracts: made of won opportunities, whose owner and customer they take over.
struct ContractStore: Sendable {
    let opportunities: Opportunities

    private var environment: ResourceEnvironment { opportunities.environment }

    var resource: Resource<Contract> {
        Resource(
            "contracts", environment: environment,
            ownership: Ownership(owner: \.ownerID, team: \.teamID, takesCaller: false),
            rules: ResourceRules(
                creating: { try await create($0) },
                changing: { modification, _, context in
                    var result = modification
                    let tenant = try await environment.database.directory.active(context.tenant)
                    if result.new.amount != result.old.amount { try tenant.checkCurrency(of: result.new.amount) }
                    result.new = try result.new.checked()
                    return result
                },
                restoring: { modification, context in try await restored(modification, context) }))
    }

    // MARK: - Creation

    private func create(_ drafts: [Draft<Contract>]) async throws -> [Creation<Contract>] {
        guard let context = drafts.first?.context else { return [] }
        let tenant = try await environment.database.directory.active(context.tenant)
        let table = resource.table
        let numbers = drafts.compactMap(\.record.externalID)
        let results = try await environment.database.flight(
            context.tenant,
            [
                """
                select nextval(\("\(tenant.schema).contract_code")::text::regclass)
                from generate_series(1, \(drafts.count))
                """, "\(table.select(SchemaName(context.tenant))) where external_id = any(\(numbers))",
            ])
        var known = try results[1].map { try table.record($0) }
        let won = try await opportunities.resource.find(
            drafts.compactMap(\.record.opportunityID), tenant: context.tenant)
        let byID = Dictionary(won.map { ($0.id, $0) }) { first, _ in first }
        var numbered = results[0].makeIterator()
        return try await Creation.each(of: drafts) { draft in
            let number = try numbered.next()?.get(0, as: Int64.self) ?? 0
            if let same = known.first(knownAs: draft.record) { return .unchanged(same) }
            let opportunity = draft.record.opportunityID.flatMap { byID[$0] }
            guard let opportunity,
                try await opportunities.resource.admits(draft.context.principal, opportunity, tenant: context.tenant)
            else { throw Problem.unknownReference("/opportunityId", draft.record.opportunityID?.lowercased ?? "") }
            let contract = try place(draft, of: opportunity, number: number, tenant)
            // It may be told once more in this batch.
            if contract.externalKey != nil { known.append(contract) }
            return .create(contract, guards: [OpportunityContracts.holding(opportunity, context.tenant)])
        }
    }

    private func place(
        _ draft: Draft<Contract>, of opportunity: Opportunity, number: Int64, _ tenant: Tenant
    ) throws -> Contract {
        try tenant.checkCurrency(of: draft.record.amount)
        try opportunity.checkWon()
        var contract = try draft.record.checked().following(opportunity)
        let year = draft.context.now.date(in: tenant.zone).year
        contract.code = ReadableCode(prefix: Contract.codePrefix, year: year, number: number).description
        return contract
    }

    /// A contract that comes back belongs to whom its opportunity belongs by now.
    private func restored(
        _ modification: Modification<Contract>, _ context: WriteContext
    ) async throws -> Modification<Contract> {
        let id = modification.new.opportunityID
        guard let id, let opportunity = try await opportunities.resource.find([id], tenant: context.tenant).first
        else { throw Problem.unknownReference("/opportunityId", id?.lowercased ?? "") }
        try opportunity.checkWon()
        var result = modification
        result.new = modification.new.following(opportunity)
        result.statements.append(OpportunityContracts.holding(opportunity, context.tenant))
        return result
    }

    // MARK: - Ageing

    /// What was not paid on a day by the days it was overdue. Columns: bucket, payments, sum in minor units.
    func ageing(_ principal: Principal, _ tenant: Tenant, asOf: CalendarDate) -> SQL {
        """
        select case when days <= 0 then 'notDue' when days <= 30 then 'days1to30' when days <= 60 then 'days31to60'
                when days <= 90 then 'days61to90' else 'over90' end as bucket, count(*),
            least(sum(due), 9223372036854775807)::bigint
        from (select \(asOf) - (p->>'dueOn')::date as days,
                ((p->'amount'->>'amount')::numeric
                    - case when (p->>'paidOn')::date <= \(asOf) then (p->'paid'->>'amount')::numeric else 0 end)
                    * power(10::numeric, \(Int64(currencyDigits(tenant)))) as due
            from \(tenant.schema).contracts cross join lateral jsonb_array_elements(payments) as p
            where deleted_at is null and signed_on <= \(asOf) and amount_currency = \(tenant.currency)
                and \(principal.ownershipCondition ?? "true")) as open
        where due > 0 group by 1
        """
    }

    private func currencyDigits(_ tenant: Tenant) -> Int { (try? Currency(code: tenant.currency))?.digits ?? 2 }
}
