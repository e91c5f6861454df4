import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Values

/// Who of a team got a lead last.
struct Turn: Sendable, Hashable {
    let team: UUID
    let member: UUID

    func store(in schema: SchemaName) -> SQL {
        """
        insert into \(schema).turns (team_id, user_id) values (\(team), \(member))
        on conflict (team_id) do update set user_id = excluded.user_id
        """
    }
}

extension LeadPolicy {
    /// With the teams of people who enter leads and are newer than these rules: their managers shall see the leads.
    func welcoming(_ drafts: [Draft<Lead>], _ directory: Directory?) async throws -> LeadPolicy {
        let newcomers = Set(drafts.compactMap(\.context.userID)).subtracting(roster.people)
        guard let context = drafts.first?.context, let directory, !newcomers.isEmpty else { return self }
        let people = try await directory.people(newcomers, tenant: context.tenant, asked: context.askedAt)
        var policy = self
        for person in newcomers.compactMap({ people[$0] }) { policy.roster.teamOf[person.id] = person.team }
        return policy
    }

    /// Gives a new lead its owner and its grade: the owner as asked, else by the rules, else whoever enters it.
    ///
    /// - Returns: the turn that was used up, to be stored with the lead.
    func complete(_ lead: inout Lead, _ draft: Draft<Lead>, _ turns: inout RoundRobin) -> Turn? {
        let turn = assign(&lead, draft, &turns)
        if let grading = grades?.grade(lead) { (lead.grade, lead.points) = (grading.grade, grading.points) }
        return turn
    }

    private func assign(_ lead: inout Lead, _ draft: Draft<Lead>, _ turns: inout RoundRobin) -> Turn? {
        var turn: Turn?
        if lead.ownerID == nil, lead.teamID == nil {
            let before = turns
            let assignment = assignment.assign(lead, roster: roster, turns: &turns)
            (lead.ownerID, lead.teamID, lead.assignmentRuleID) = (assignment.owner, assignment.team, assignment.rule)
            if turns != before, let team = assignment.team, let owner = assignment.owner {
                turn = Turn(team: team, member: owner)
            }
            lead.ownerID = lead.ownerID ?? draft.context.userID
        }
        if let owner = lead.ownerID { lead.teamID = lead.teamID ?? roster.teamOf[owner] }
        return turn
    }
}
