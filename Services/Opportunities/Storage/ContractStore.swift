import Contracts
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
                creating: { drafts in
                    try await Creation.each(of: drafts) { .create(try await create($0)) }
                },
                changing: { modification, _, context in
                    var result = modification
                    let tenant = try await environment.database.directory.active(context.tenant)
                    try References.check(result.new.amount, tenant)
                    result.new = try result.new.checked()
                    return result
                }))
    }

    private func create(_ draft: Draft<Contract>) async throws -> Contract {
        let context = draft.context
        let tenant = try await environment.database.directory.active(context.tenant)
        try References.check(draft.record.amount, tenant)
        guard let id = draft.record.opportunityID,
            let opportunity = try await opportunities.resource.find([id], tenant: context.tenant).first,
            try await opportunities.resource.admits(context.principal, opportunity, tenant: context.tenant)
        else { throw References.unknown("/opportunityId", draft.record.opportunityID?.lowercased ?? "") }
        guard opportunity.status == .won else {
            throw Refusal(
                .state, "opportunityNotWon", at: "/opportunityId", "Win the opportunity first: \(opportunity.code).",
                zh: "请先将商机 \(opportunity.code) 标记为赢单。")
        }
        var contract = try draft.record.checked()
        (contract.accountID, contract.ownerID) = (opportunity.accountID, opportunity.ownerID)
        (contract.teamID, contract.businessLineID) = (opportunity.teamID, opportunity.businessLineID)
        let numbers = try await environment.database.flight(
            context.tenant, ["select nextval(\("\(tenant.schema).contract_code")::text::regclass)"])
        let number: Int64 = try numbers[0].single().get(0)
        contract.code =
            ReadableCode(prefix: Contract.codePrefix, year: context.now.date(in: tenant.zone).year, number: number)
            .description
        return contract
    }

    /// What is not paid yet by the days it is overdue. Columns: bucket, payments, sum in minor units.
    func ageing(_ principal: Principal, _ tenant: Tenant, asOf: CalendarDate) -> SQL {
        """
        select case when days <= 0 then 'notDue' when days <= 30 then 'days1to30' when days <= 60 then 'days31to60'
                when days <= 90 then 'days61to90' else 'over90' end as bucket, count(*),
            sum(due)::bigint
        from (select \(asOf) - (p->>'dueOn')::date as days,
                ((p->'amount'->>'amount')::numeric - coalesce((p->'paid'->>'amount')::numeric, 0))
                    * power(10::numeric, \(Int64(currencyDigits(tenant)))) as due
            from \(tenant.schema).contracts cross join lateral jsonb_array_elements(payments) as p
            where deleted_at is null and amount_currency = \(tenant.currency)
                and \(principal.ownershipCondition ?? "true")) as open
        where due > 0 group by 1
        """
    }

    private func currencyDigits(_ tenant: Tenant) -> Int { (try? Currency(code: tenant.currency))?.digits ?? 2 }
}
