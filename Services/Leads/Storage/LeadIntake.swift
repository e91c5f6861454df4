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
struct LeadIntake: Sendable {
    let rules: LeadPolicy
    var candidates: MatchIndex<Lead, LeadMatchKind>
    var numbers: EarlierNumbers

    /// - Parameter drafts: with their match keys, which are expensive to compute.
    func decide(_ drafts: [(Draft<Lead>, [LeadMatchKey])], rotation: inout RoundRobin) -> [Creation<Lead>] {
        var intake = self
        return drafts.map { draft, keys in intake.take(draft, keys, &rotation) }
    }

    private mutating func take(
        _ draft: Draft<Lead>, _ keys: [LeadMatchKey], _ rotation: inout RoundRobin
    ) -> Creation<Lead> {
        let creation = decide(draft, keys, candidates.sharing(keys), &rotation)
        switch creation {
        case .create(let insertion): candidates.insert(insertion.record, keys: keys)
        case .change(let modification):
            // As `prepare` leaves it: another touch in this batch builds on it.
            var new = modification.new
            new.version = modification.old.version + 1
            new.updatedAt = draft.context.now
            candidates.insert(new, keys: new.matchKeys)
            numbers.note(draft.record, isTouchOf: new)
        case .unchanged, .refuse: break
        }
        return creation
    }

    private func decide(
        _ draft: Draft<Lead>, _ keys: [LeadMatchKey], _ candidates: [LeadCandidate], _ rotation: inout RoundRobin
    ) -> Creation<Lead> {
        do {
            try draft.record.validateCreation()
            // Sent again, it is the same record: a repeated import doubles nothing.
            if let same = candidates.lazy.map({ $0.record }).first(knownAs: draft.record) ?? numbers.lead(draft.record)
            {
                return .unchanged(same)
            }
            var lead = draft.record
            lead.lastTouchAt = draft.context.occurredAt
            lead.lastSource = lead.source
            return decide(&lead, draft, keys, candidates, &rotation)
        } catch {
            return .refuse(Problem(translating: error) ?? Problem(.ruleViolated))
        }
    }

    private func decide(
        _ lead: inout Lead, _ draft: Draft<Lead>, _ keys: [LeadMatchKey], _ candidates: [LeadCandidate],
        _ rotation: inout RoundRobin
    ) -> Creation<Lead> {
        let context = draft.context
        let touch = Touch(of: lead, at: context.occurredAt)
        switch rules.duplicates.decide(keys, among: candidates, at: context.occurredAt) {
        case .create(let duplicates):
            rules.complete(&lead, draft, &rotation)
            var details = LeadCreated()
            details.duplicates = duplicates.map { $0.id }
            return .create(
                lead, statements: [touch.insert(into: SchemaName(context.tenant), lead: lead.id)],
                event: EventDraft("created", details: details.json.object ?? [:]), answer: .answer(duplicates))
        case .link(let duplicate):
            guard let old = self.candidates[duplicate.id] else { return .refuse(Problem(.conflict)) }
            return link(touch, to: old, duplicate, context)
        case .block(let duplicate): return .refuse(Problem(duplicate))
        }
    }

    private func link(
        _ touch: Touch, to old: Lead, _ duplicate: Duplicate<LeadMatchKind>, _ context: WriteContext
    ) -> Creation<Lead> {
        let event = LeadEvent.touched(touch)
        var new = Lead.evolve(old, event)
        // One that no other system knows yet is found by this one's number from now on; else the touch has it.
        if old.externalKey == nil { (new.externalSystem, new.externalID) = (touch.externalSystem, touch.externalID) }
        return .change(
            from: old, to: new, statements: [touch.insert(into: SchemaName(context.tenant), lead: old.id)],
            event: event.draft(context), answer: .answer([duplicate]))
    }
}
