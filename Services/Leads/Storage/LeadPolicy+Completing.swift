import Entities
import Foundation
import HTTP
import Postgres
import Resources
import Values

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
    func complete(_ lead: inout Lead, _ draft: Draft<Lead>, _ rotation: inout RoundRobin) {
        assign(&lead, draft, &rotation)
        if let grading = grades?.grade(lead) { (lead.grade, lead.points) = (grading.grade, grading.points) }
    }

    private func assign(_ lead: inout Lead, _ draft: Draft<Lead>, _ rotation: inout RoundRobin) {
        if lead.ownerID == nil, lead.teamID == nil {
            let assignment = assignment.assign(lead, roster: roster, turns: &rotation)
            (lead.ownerID, lead.teamID, lead.assignmentRuleID) = (assignment.owner, assignment.team, assignment.rule)
            lead.ownerID = lead.ownerID ?? draft.context.userID
        }
        if let owner = lead.ownerID { lead.teamID = lead.teamID ?? roster.teamOf[owner] }
    }
}
