import Contracts
import Entities
import Foundation
import HTTP
import JSON
import Postgres
import Resources
import Tenancy
import Values

/// Decides over new leads one after the other: each may be one of those before it.
struct LeadDoor: Sendable {
    let rules: LeadPolicy
    var known: KnownLeads
    var told: ToldLeads

    /// - Parameter drafts: with their match keys, which are expensive to compute.
    func decide(_ drafts: [(Draft<Lead>, [MatchKey])], turns: inout RoundRobin) -> [Creation<Lead>] {
        var door = self
        return drafts.map { draft, keys in door.admit(draft, keys, &turns) }
    }

    private mutating func admit(
        _ draft: Draft<Lead>, _ keys: [MatchKey], _ turns: inout RoundRobin
    ) -> Creation<Lead> {
        let creation = decide(draft, keys, known.sharing(keys), &turns)
        switch creation {
        case .create(let made, _, _, _, _): known.insert(made, keys: keys)
        case .change(let old, var new, _, _, _):
            // As `prepare` leaves it: another touch in this batch builds on it.
            new.version = old.version + 1
            new.updatedAt = draft.context.now
            known.insert(new, keys: new.matchKeys)
            told.keep(new, toldAs: draft.record)
        default: break
        }
        return creation
    }

    private func decide(
        _ draft: Draft<Lead>, _ keys: [MatchKey], _ known: [KnownLead], _ turns: inout RoundRobin
    ) -> Creation<Lead> {
        do {
            try draft.record.validateCreation()
            // Sent again, it is the same record: a repeated import doubles nothing.
            if let same = known.lazy.map(\.lead).first(knownAs: draft.record) ?? told.same(draft.record) {
                return .unchanged(same)
            }
            var lead = draft.record
            lead.lastTouchAt = draft.context.occurredAt
            lead.lastSource = lead.source
            return decide(&lead, draft, keys, known, &turns)
        } catch {
            return .refuse(Problem(translating: error) ?? Problem(.ruleViolated))
        }
    }

    private func decide(
        _ lead: inout Lead, _ draft: Draft<Lead>, _ keys: [MatchKey], _ known: [KnownLead], _ turns: inout RoundRobin
    ) -> Creation<Lead> {
        let context = draft.context
        let touch = Touch(of: lead, at: context.occurredAt)
        let decision = DuplicateDecision.decide(
            keys, candidates: known.map(\.candidate), policy: rules.duplicates, at: context.occurredAt)
        switch decision {
        case .create(let duplicates):
            rules.complete(&lead, draft, &turns)
            var details = LeadCreated()
            details.duplicates = duplicates.map(\.id)
            return .create(
                lead, statements: [touch.insert(into: SchemaName(context.tenant), lead: lead.id)],
                happening: Happening("created", details: details.json.object ?? [:]),
                answer: ["duplicates": .array(duplicates.map(\.json))])
        case .link(let duplicate):
            guard let old = known.first(where: { $0.lead.id == duplicate.id }) else {
                return .refuse(Problem(.conflict))
            }
            return link(touch, to: old.lead, duplicate, context)
        case .block(let duplicate):
            let text = LocalizedText(
                en: "This lead is there already: \(duplicate.id.lowercased).", zh: "该线索已存在：\(duplicate.id.lowercased)。")
            return .refuse(Problem(.duplicate, text, extras: ["duplicates": [duplicate.json]]))
        }
    }

    private func link(
        _ touch: Touch, to old: Lead, _ duplicate: Duplicate, _ context: WriteContext
    ) -> Creation<Lead> {
        let event = LeadEvent.touched(touch)
        var new = Lead.evolve(old, event)
        // One that no other system knows yet is found by this one's number from now on; else the touch has it.
        if old.externalKey == nil { (new.externalSystem, new.externalID) = (touch.externalSystem, touch.externalID) }
        return .change(
            from: old, to: new, statements: [touch.insert(into: SchemaName(context.tenant), lead: old.id)],
            happening: event.happening(context), answer: ["duplicates": [duplicate.json]])
    }
}
