import Foundation
import Postgres
import Resources
import Tenancy
import Values

/// The contracts of an opportunity, which go where it goes.
struct OpportunityContracts: Sendable {
    let environment: ResourceEnvironment

    private var contracts: Resource<Contract> { Resource("contracts", environment: environment) }

    /// A change of an opportunity's owner, team, customer or business line, with its contracts.
    func following(
        _ modification: Modification<Opportunity>, _ context: WriteContext
    ) async throws -> Modification<Opportunity> {
        let new = modification.new
        guard !new.belongs(as: modification.old), new.status == .won else { return modification }
        let found = try await find(new.id, context.tenant)
        var result = modification
        for contract in found {
            let moved = Modification(from: contract, to: contract.following(new))
            result.statements += contracts.prepare(moved, context).statements
        }
        result.statements.append(Self.require(found.count, of: new.id, context.tenant))
        return result
    }

    /// A change after which an opportunity could have no contract.
    ///
    /// - Throws: 409 when it has one.
    func without(
        _ modification: Modification<Opportunity>, _ context: WriteContext
    ) async throws -> Modification<Opportunity> {
        let id = modification.old.id
        if let contract = try await find(id, context.tenant).first {
            throw Refusal(
                .state, "hasContract", "It has the contract \(contract.code): delete that first.",
                zh: "商机已有合同 \(contract.code)，请先删除合同。")
        }
        var result = modification
        result.statements.append(Self.require(0, of: id, context.tenant))
        return result
    }

    private func find(_ opportunity: UUID, _ tenant: TenantID) async throws -> [Contract] {
        let table = contracts.table
        let rows = try await environment.database.query(
            tenant,
            "\(table.select(SchemaName(tenant))) where opportunity_id = \(opportunity) and deleted_at is null order by id"
        )
        return try rows.map { try table.record($0) }
    }

    /// After the opportunity's row is locked: a contract made meanwhile is found.
    private static func require(_ count: Int, of opportunity: UUID, _ tenant: TenantID) -> SQL {
        """
        select shared.require_rows((select count(*) from \(schema: tenant).contracts
            where opportunity_id = \(opportunity) and deleted_at is null), \(Int64(count)))
        """
    }

    /// Holds an opportunity as it was read while a contract of it is made; raises when it changed.
    static func holding(_ opportunity: Opportunity, _ tenant: TenantID) -> SQL {
        """
        select shared.require_rows((select count(*) from (
            select from \(schema: tenant).opportunities
            where id = \(opportunity.id) and version = \(opportunity.version) for share) as held), 1)
        """
    }
}

extension Opportunity {
    fileprivate func belongs(as old: Opportunity) -> Bool {
        (accountID, ownerID, teamID, businessLineID) == (old.accountID, old.ownerID, old.teamID, old.businessLineID)
    }
}

extension Contract {
    /// With the customer, owner, team and business line of its opportunity.
    func following(_ opportunity: Opportunity) -> Contract {
        var contract = self
        (contract.accountID, contract.ownerID) = (opportunity.accountID, opportunity.ownerID)
        (contract.teamID, contract.businessLineID) = (opportunity.teamID, opportunity.businessLineID)
        return contract
    }
}
