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
    /// Gives a new lead its owner and its grade: the owner as asked, else by the rules, else whoever enters it.
    ///
    /// - Returns: the turn that was used up, to be stored with the lead.
    /// - Throws: 422 for an `ownerLogin` that nobody has.
    func complete(_ lead: inout Lead, _ draft: Draft<Lead>, _ turns: inout RoundRobin) throws(Problem) -> Turn? {
        let turn = try assign(&lead, draft, &turns)
        if let grading = grades?.grade(lead) { (lead.grade, lead.points) = (grading.grade, grading.points) }
        return turn
    }

    private func assign(
        _ lead: inout Lead, _ draft: Draft<Lead>, _ turns: inout RoundRobin
    ) throws(Problem) -> Turn? {
        if let login = draft.inputs.value("ownerLogin", as: String.self) {
            guard let owner = people[login.lowercased()] else {
                let text = LocalizedText(
                    en: "There is no active user \(login.prefix(80)).", zh: "没有启用的用户 \(login.prefix(80))。")
                throw Problem.validation([FieldError("/ownerLogin", code: "unknownReference", text)])
            }
            lead.ownerID = owner
        }
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
